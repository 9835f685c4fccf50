"""Settings for all tests."""

import os

# One worker of pytest runs on each core; more threads inside of NumPy would only get into each other's way.
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

pytest_plugins = ["tests.ledger_plugin", "pytester"]
