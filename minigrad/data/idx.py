"""IDX files: the simple format in which MNIST is published.

A file begins with two zero bytes, one byte for the type of the numbers, and one for the number of axes; then come the
sizes of the axes, four bytes each, and then the numbers. All are big-endian. The file may be compressed by gzip.

Nothing that a damaged file says is believed before it is checked: its numbers are counted once, without being kept,
and only when there are as many as the sizes say is memory taken for them.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy

from minigrad.backend import current

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 32
PIECE = 1 << 16  # bytes that are read at once


class IDXError(ValueError):
    """A file that is no IDX file, or a damaged one."""


def read_idx(path: str | os.PathLike[str]) -> Any:
    """Read an IDX file, plain or compressed by gzip.

    A file that is cut, too long, or has a broken header is refused, and so is a compressed file whose checksum is
    wrong. What the format cannot show is a number that was changed in a plain file. A damaged file costs no memory but
    that of a small piece. A good one costs at most twice that of its numbers, which gzip may have compressed a
    thousandfold.

    Parameters
    ----------
    path : str or path
        Of the file. Whether it is compressed is seen by its first bytes, not by its name.

    Returns
    -------
    array
        Of the shape and the type that the file names: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    IDXError
        If it is no IDX file or a damaged one.

    References
    ----------
    LeCun, Y., Cortes, C. and Burges, C. J. C. The MNIST Database of Handwritten Digits, which describes the format.
    http://yann.lecun.com/exdb/mnist/.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "numbers.idx")
    ...     _ = path.write_bytes(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 10, 20, 30]))
    ...     read_idx(path)
    array([10, 20, 30], dtype=uint8)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with _opened(path) as file:
            array = _read(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise IDXError(f"{path} is damaged: {error}") from None
    return current().asarray(array)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with open(path, "rb") as plain:
        compressed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        yield gzip.GzipFile(fileobj=plain) if compressed else plain


def _read(file: Any, path: Path) -> numpy.ndarray:
    shape, dtype = _header(file, path)
    start, expected = file.tell(), math.prod(shape) * dtype.itemsize
    found = sum(len(piece) for piece in _pieces(file, expected + 1))
    if found != expected:
        size = " x ".join(map(str, shape))
        amount = "more" if found > expected else f"only {found}"
        raise IDXError(f"{path} should hold {size} numbers of type {dtype.name}, {expected} bytes, and holds {amount}")
    file.seek(start)
    array = numpy.empty(expected, "uint8")
    end = 0
    for piece in _pieces(file, expected):
        array[end : end + len(piece)] = numpy.frombuffer(piece, "uint8")
        end += len(piece)
    if end < expected:
        raise IDXError(f"{path} was changed while it was read")
    return array.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _header(file: Any, path: Path) -> tuple[tuple[int, ...], numpy.dtype]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise IDXError(f"{path} is no IDX file: it begins with the bytes {magic.hex(' ') or '(none)'}, not with 00 00")
    kind, axes = magic[2:]
    if kind not in TYPES:
        raise IDXError(f"{path} is no IDX file: it names the type {kind:#04x}, and known are {_known_types()}")
    if not 1 <= axes <= MOST_AXES:
        raise IDXError(f"{path} should have 1 to {MOST_AXES} axes, and names {axes}")
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise IDXError(f"{path} ends within the sizes of its {axes} axes")
    shape = tuple(numpy.frombuffer(sizes, ">u4").tolist())
    if 0 in shape:
        raise IDXError(f"{path} holds no numbers: the sizes of its axes are {shape}")
    return shape, numpy.dtype(TYPES[kind])


def _known_types() -> str:
    return ", ".join(f"{kind:#04x} ({numpy.dtype(name).name})" for kind, name in TYPES.items())


def _pieces(file: Any, most: int) -> Iterator[bytes]:
    """Read so many bytes in pieces, or all up to the end of the file."""
    while most and (piece := file.read(min(PIECE, most))):
        most -= len(piece)
        yield piece
