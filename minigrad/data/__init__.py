"""Data sets with known truth, real digits, and the ways to split and batch them.

Whatever is random is drawn from a ``numpy.random.Generator`` that the caller passes in, on the host, so the same seed
gives the same samples on every backend. The arrays belong to the active backend. Samples are float32, as the layers
are, unless another dtype is asked for; labels are int64.

- Points of the plane: `ring` and `grid` (with `GaussianMixture`, which knows their modes and density), `two_moons`,
  `spirals`.
- Densities on the real line with exact formulas: the classes of `densities`.
- Sequences with an exact likelihood: `MarkovChain`.
- Images: `digits`, `coloured_digits_paired`, `coloured_digits_unpaired` and their exact translation `complementary`,
  and `mnist` from files that the user has (`read_idx`, `IDXError`).
- `split` for training and test, and `batches`, which can be saved and resumed.
"""

from minigrad.data import densities
from minigrad.data.batches import batches
from minigrad.data.chains import MarkovChain
from minigrad.data.coloured import coloured_digits_paired, coloured_digits_unpaired, complementary
from minigrad.data.digits import digits
from minigrad.data.idx import IDXError, read_idx
from minigrad.data.mixtures import Coverage, GaussianMixture, grid, ring
from minigrad.data.mnist import mnist
from minigrad.data.moons import two_moons
from minigrad.data.spirals import spirals
from minigrad.data.split import split

__all__ = [
    "Coverage",
    "GaussianMixture",
    "IDXError",
    "MarkovChain",
    "batches",
    "coloured_digits_paired",
    "coloured_digits_unpaired",
    "complementary",
    "densities",
    "digits",
    "grid",
    "mnist",
    "read_idx",
    "ring",
    "spirals",
    "split",
    "two_moons",
]
