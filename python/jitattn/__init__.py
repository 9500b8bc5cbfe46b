"""Attention and activations on CPUs, by kernels that are emitted and tuned for this machine.

    import jitattn
    out = jitattn.attention(q, k, v, causal=True)  # [batch, heads, length, head size]
"""

import pathlib as _pathlib

from jitattn._command import cache, cpu, tune
from jitattn._core import (
    AttentionPlan,
    __version__,
    attention,
    geglu,
    gelu,
    hardswish,
    quick_gelu,
    relu2,
    silu,
    swiglu,
)

__all__ = [
    "AttentionPlan",
    "attention",
    "cache",
    "cpu",
    "geglu",
    "gelu",
    "get_cmake_dir",
    "get_include",
    "get_library",
    "hardswish",
    "quick_gelu",
    "relu2",
    "silu",
    "swiglu",
    "tune",
]

_folder = _pathlib.Path(__file__).parent


def get_include() -> str:
    """The folder of the C and C++ headers, for `-I`."""
    return str(_folder / "include")


def get_library() -> str:
    """The path of the library that C programs and this package share, of an installed package."""
    return str(_folder / "lib" / f"libjitattn.so.{__version__.partition('.')[0]}")


def get_cmake_dir() -> str:
    """The folder of CMake's package file: -Djitattn_DIR=…"""
    return str(_folder / "lib" / "cmake" / "jitattn")
