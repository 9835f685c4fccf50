"""How long `import` takes beyond NumPy's, and how much memory a process holds after it.

A step is a fresh Python that imports NumPy and the library. The memory is that of the contender's own process, which
has done nothing else.
"""

from functools import partial

from benchmarks import Contender

UNIT = ("process", 1)
TOLERANCE = 0.0
MEMORY = True
DIFFERENCE = True


def problem(seed):
    """There is nothing to draw."""
    return {}


def imported(library):
    """Start Python, import, and end."""
    import subprocess
    import sys

    command = [sys.executable, "-c", f"import numpy, {library}"]
    return lambda: subprocess.run(command, check=True) and None


CONTENDERS = [
    Contender("NumPy", partial(imported, "numpy")),
    Contender("minigrad", partial(imported, "minigrad"), targets={"NumPy": 0.15}, library="minigrad"),
    Contender("PyTorch", partial(imported, "torch"), library="torch"),
    Contender("autograd", partial(imported, "autograd.numpy"), library="autograd.numpy"),
    Contender("MyGrad", partial(imported, "mygrad"), library="mygrad"),
    Contender("JAX", partial(imported, "jax.numpy"), library="jax.numpy"),
]
