"""Checkpoints: the state of a run in one ``.npz`` file, without pickle, written at once or not at all.

1. `trees` turns the state of an object into plain JSON and a list of arrays, and back.
2. `archive` puts both into a file that ends with a checksum over every byte before it.
3. `replacing` writes a file so that at every moment the old one or the new one is there, complete.
4. `targets` knows how to take the state of an object, and how to put it back.
5. `saving` joins them to `save` and `load`.
"""

from minigrad.checkpoint.archive import CheckpointError
from minigrad.checkpoint.saving import load, save

__all__ = ["CheckpointError", "load", "save"]
