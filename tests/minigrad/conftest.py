"""What the engine's tests share: the backends that they run on, and how many examples they draw."""

import pytest
from hypothesis import HealthCheck, settings

import minigrad as mg
from tests import fake_device

settings.register_profile(
    "minigrad",
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("minigrad")


fake_device.install()


@pytest.fixture(params=["numpy", "fake"])
def each_backend(request):
    """Run the test on NumPy, and on a strict stand-in for a device."""
    with mg.use(request.param):
        yield request.param
