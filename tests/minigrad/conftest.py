"""What the engine's tests share: the backends that they run on."""

import pytest

import minigrad as mg
from tests import fake_device

fake_device.install()


@pytest.fixture(params=["numpy", "fake"])
def each_backend(request):
    """Run the test on NumPy, and on a strict stand-in for a device."""
    with mg.use(request.param):
        yield request.param
