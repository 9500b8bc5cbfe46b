"""Arrays of other libraries: buffers, __array_interface__, __dlpack__, and torch if it is there."""

import array

import jitattn
import numpy as np
import pytest
from reference import DTYPES, random_arrays

SHAPES = [(2, 4, 9, 16), (2, 2, 13, 16), (2, 2, 13, 24)]


def arrays():
    return random_arrays(1, "float32", *SHAPES)


class WithInterface:
    """An array that offers __array_interface__ only."""

    def __init__(self, values):
        self.values = values

    @property
    def __array_interface__(self):
        return self.values.__array_interface__


class WithDlpack:
    """An array that offers __dlpack__ only, of version 1 or of no version."""

    def __init__(self, values, versioned):
        self.values, self.versioned = values, versioned

    def __dlpack__(self, **options):
        if not self.versioned and options:
            raise TypeError("unexpected keyword argument")
        return self.values.__dlpack__(**options)


def test_buffers():
    q, k, v = arrays()
    out = jitattn.attention(memoryview(q), memoryview(k), memoryview(v))
    assert type(out) is np.ndarray and (out == jitattn.attention(q, k, v)).all()
    x = array.array("d", [0.5, -1.5, 3.0])
    assert np.allclose(jitattn.relu2(x), [0.25, 0, 9])
    jitattn.relu2(x, out=x)
    assert list(x) == [0.25, 0, 9]
    with pytest.raises(ValueError, match="out: is read-only"):
        jitattn.silu(x, out=memoryview(bytes(24)).cast("d"))


def test_array_interface():
    q, k, v = arrays()
    out = np.empty((2, 4, 9, 24), np.float32)
    jitattn.attention(*map(WithInterface, (q, k, v)), out=WithInterface(out))
    assert (out == jitattn.attention(q, k, v)).all()


@pytest.mark.parametrize("versioned", [False, True])
def test_dlpack(versioned):
    if versioned and np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("this NumPy has no versioned DLPack")
    q, k, v = arrays()
    expected = jitattn.attention(q, k, v)
    wrapped = [WithDlpack(x, versioned) for x in (q, k, v)]
    result, lse = jitattn.attention(*wrapped, return_lse=True)
    assert (np.asarray(result) == expected).all() and lse.shape == (2, 4, 9)
    out = np.empty_like(expected)
    assert isinstance(jitattn.attention(*wrapped, out=WithDlpack(out, versioned)), WithDlpack)
    assert (out == expected).all()
    if versioned:
        out.flags.writeable = False
        with pytest.raises(ValueError, match="out: is read-only"):
            jitattn.attention(*wrapped, out=WithDlpack(out, versioned))


def test_subclasses_give_plain_arrays():
    q = np.ma.masked_array(arrays()[0])
    assert type(jitattn.silu(q)) is np.ndarray


def test_bfloat16_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    q, k, v = (x.astype(ml_dtypes.bfloat16) for x in arrays())
    out = jitattn.attention(q, k, v)
    assert out.dtype == ml_dtypes.bfloat16
    bits = jitattn.attention(*(x.view(np.uint16) for x in (q, k, v)))
    assert bits.dtype == np.uint16 and (out.view(np.uint16) == bits).all()
    with pytest.raises(TypeError, match="q: elements of another type"):
        jitattn.attention(*(x.view("V2") for x in (q, k, v)))


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("name", DTYPES)
def test_torch(torch, name):
    dtype = getattr(torch, name)
    q, k, v = (torch.tensor(x).to(dtype) for x in arrays())
    expected = torch.nn.functional.scaled_dot_product_attention(
        q.double(), k.double(), v.double(), enable_gqa=True
    )
    out, lse = jitattn.attention(q, k, v, return_lse=True)
    assert isinstance(out, torch.Tensor) and out.dtype == dtype
    assert lse.dtype == (torch.float64 if name == "float64" else torch.float32)
    error = (out.double() - expected).abs().max()
    assert error < {"float32": 1e-5, "float64": 1e-13, "float16": 4e-3, "bfloat16": 3e-2}[name]
    x = torch.tensor(arrays()[0]).to(dtype)
    assert torch.allclose(
        jitattn.silu(x).double(), torch.nn.functional.silu(x.double()), atol=2e-2, rtol=2e-2
    )
    result = torch.zeros_like(out)
    assert jitattn.attention(q, k, v, out=result) is result
    assert (result == out).all()


def test_torch_strides_masks_and_sinks(torch):
    q, k, v = (torch.tensor(x).transpose(1, 2).contiguous().transpose(1, 2) for x in arrays())
    mask = (torch.rand(2, 1, 1, 13) < 0.8).expand(2, 4, 9, 13)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
    out = jitattn.attention(q, k, v, mask=mask)
    assert torch.allclose(out, expected, atol=1e-5)
    assert out.stride() == torch.empty_like(q[..., :1].expand(2, 4, 9, 24)).stride() or (
        out.transpose(1, 2).is_contiguous())
    bias = torch.randn(4, 9, 1)
    both = jitattn.attention(q, k, v, mask=mask, bias=bias.contiguous(), sinks=torch.zeros(4))
    assert both.shape == expected.shape
    lens = torch.tensor([13, 5])
    assert jitattn.attention(q, k, v, lens=lens).shape == expected.shape
    assert jitattn.attention(q[:, :, :0], k, v).shape == (2, 4, 0, 24)


def test_torch_errors(torch):
    q = torch.zeros(1, 2, 3, 8, requires_grad=True)
    with pytest.raises(ValueError, match="q: requires a gradient.*pass q.detach"):
        jitattn.attention(q, q, q)
    with pytest.raises(ValueError, match="x: its library describes no memory on the CPU"):
        jitattn.silu(torch.zeros(3, device="meta"))
    with pytest.raises(TypeError, match="x: elements of"):
        jitattn.silu(torch.zeros(3, dtype=torch.int32))
    with pytest.raises(ValueError, match="x: elements of a row are 2"):
        jitattn.silu(torch.zeros(6)[::2])
