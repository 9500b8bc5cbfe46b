import pytest
from reference import DTYPES


@pytest.fixture(params=list(DTYPES))
def dtype(request):
    return request.param
