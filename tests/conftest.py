"""Settings for all tests."""

import os

# One worker of pytest runs on each core; more threads inside of NumPy would only get into each other's way.
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings  # noqa: E402 (Hypothesis may import NumPy)

settings.register_profile(
    "minigrad",
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("minigrad")

pytest_plugins = ["tests.ledger_plugin", "pytester"]
