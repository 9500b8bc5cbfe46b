from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, Protocol, TypeVar, overload

from numpy.typing import NDArray

__version__: str
__all__: list[str]

class _HasDlpack(Protocol):
    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...

class _HasInterface(Protocol):
    @property
    def __array_interface__(self) -> dict[str, Any]: ...

# An array of any library. Results are of the library of the first argument.
_Array = TypeVar("_Array", bound=_HasDlpack | _HasInterface)
_AnyArray = NDArray[Any] | _HasDlpack | _HasInterface
_Numbers = Sequence[float] | _AnyArray
_Width = int | None
_Layout = Literal["BHSD", "BSHD"]

@overload
def attention(
    q: _Array,
    k: _AnyArray,
    v: _AnyArray,
    *,
    bias: _AnyArray | None = None,
    mask: _AnyArray | None = None,
    causal: bool | int | None = False,
    window: tuple[_Width, _Width] | None = None,
    softcap: float | None = None,
    sinks: _Numbers | None = None,
    alibi: _Numbers | None = None,
    scale: float | None = None,
    lens: Sequence[int] | _AnyArray | None = None,
    out: _Array | None = None,
    return_lse: Literal[False] | None = False,
    layout: _Layout | None = "BHSD",
    threads: int | None = None,
) -> _Array: ...
@overload
def attention(
    q: _Array,
    k: _AnyArray,
    v: _AnyArray,
    *,
    bias: _AnyArray | None = None,
    mask: _AnyArray | None = None,
    causal: bool | int | None = False,
    window: tuple[_Width, _Width] | None = None,
    softcap: float | None = None,
    sinks: _Numbers | None = None,
    alibi: _Numbers | None = None,
    scale: float | None = None,
    lens: Sequence[int] | _AnyArray | None = None,
    out: _Array | None = None,
    return_lse: Literal[True],
    layout: _Layout | None = "BHSD",
    threads: int | None = None,
) -> tuple[_Array, _Array]: ...

class AttentionPlan:
    def __init__(
        self,
        q: _AnyArray,
        k: _AnyArray,
        v: _AnyArray,
        *,
        bias: _AnyArray | None = None,
        mask: _AnyArray | None = None,
        causal: bool | int | None = False,
        window: tuple[_Width, _Width] | None = None,
        softcap: float | None = None,
        sinks: _Numbers | None = None,
        alibi: _Numbers | None = None,
        scale: float | None = None,
        lens: Sequence[int] | _AnyArray | None = None,
        return_lse: bool | None = False,
        layout: _Layout | None = "BHSD",
        threads: int | None = None,
        buffers: Literal["hot", "cold"] | None = "hot",
        ignore_cache: bool | None = False,
        tune: bool | None = False,
        tune_seconds: float | None = None,
        config: str | None = None,
    ) -> None: ...
    def __call__(
        self,
        q: _AnyArray,
        k: _AnyArray,
        v: _AnyArray,
        *,
        bias: _AnyArray | None = None,
        mask: _AnyArray | None = None,
        sinks: _Numbers | None = None,
        alibi: _Numbers | None = None,
        lens: Sequence[int] | _AnyArray | None = None,
        out: _AnyArray | None = None,
    ) -> Any: ...
    @property
    def info(self) -> dict[str, Any]: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> AttentionPlan: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

def silu(x: _Array, *, out: _AnyArray | None = None) -> _Array: ...
def quick_gelu(x: _Array, *, out: _AnyArray | None = None) -> _Array: ...
def relu2(x: _Array, *, out: _AnyArray | None = None) -> _Array: ...
def hardswish(x: _Array, *, out: _AnyArray | None = None) -> _Array: ...
def gelu(
    x: _Array,
    *,
    out: _AnyArray | None = None,
    approximate: Literal["none", "tanh"] | None = "none",
) -> _Array: ...
def swiglu(a: _Array, b: _AnyArray, *, out: _AnyArray | None = None) -> _Array: ...
def geglu(
    a: _Array,
    b: _AnyArray,
    *,
    out: _AnyArray | None = None,
    approximate: Literal["none", "tanh"] | None = "none",
) -> _Array: ...
def tune(**options: Any) -> list[dict[str, Any]]: ...
def cache(**options: Any) -> list[dict[str, Any]]: ...
def cpu(**options: Any) -> dict[str, Any]: ...
def get_include() -> str: ...
def get_library() -> str: ...
def get_cmake_dir() -> str: ...
