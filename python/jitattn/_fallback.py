"""What the module does in Python: the rare cases, none of which a call of NumPy's arrays meets."""

import numpy as np


def view(array):
    """An array of NumPy on the memory of an object that has `__array_interface__`."""
    return np.asarray(array)


def new(like, shape, dtype):
    """A new array of the library of `like`, which has `__dlpack__`."""
    if hasattr(like, "new_empty"):  # torch before 2.10
        kinds = {"float32": "float", "float64": "double"}
        result = like.new_empty(shape)
        return result if str(like.dtype).endswith(dtype) else getattr(result, kinds[dtype])()
    if dtype == "bfloat16":
        raise TypeError(f"out: {type(like).__name__} makes no arrays of bfloat16 here: pass out")
    array = np.empty(shape, dtype)
    if hasattr(like, "__array_namespace__"):
        return like.__array_namespace__().from_dlpack(array)
    return array


def permute(tensor, axes):
    """A view with the axes in this order."""
    return tensor.permute(axes) if hasattr(tensor, "permute") else tensor.transpose(axes)


def expand_keys(array, keys):
    """A copy of a mask or bias whose last size is 1, for all keys."""
    shape = (*array.shape[:-1], keys)
    if hasattr(array, "expand"):
        return array.expand(shape).contiguous()
    return np.ascontiguousarray(np.broadcast_to(array, shape))


def merge(bias, mask):
    """A bias that is minus infinity where the mask is false."""
    if hasattr(bias, "masked_fill"):
        return bias.masked_fill(~mask, float("-inf"))
    bias, mask = np.asarray(bias), np.asarray(mask)
    if bias.dtype == np.uint16:  # the bits of bfloat16
        return np.where(mask, bias, np.uint16(0xFF80))
    return np.where(mask, bias, np.array(-np.inf, bias.dtype))
