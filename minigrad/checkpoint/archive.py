"""The file of a checkpoint: a ``.npz`` that ``numpy.load`` can read, with a checksum over every byte.

Its arrays are called "0", "1", ... and "manifest", which is JSON in UTF-8 and says what they are. Nothing is
compressed, so what a member claims to hold can be compared with the size of the file before memory is taken for it. The
comment of the zip format comes last in the file; there stands the seal, the SHA-256 of all bytes before its digits.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import zipfile
from collections.abc import Iterator
from typing import IO, Any

import numpy
from numpy.lib import format as npy

from minigrad.checkpoint.trees import NUMBERS

FORMAT = "minigrad checkpoint"
VERSION = 1
SEAL = b"minigrad checkpoint, sha256 "
DIGITS = 64  # of a SHA-256 in hexadecimal
PIECE = 1 << 20  # bytes that are read at once

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class CheckpointError(ValueError):
    """A file is no whole and unaltered checkpoint, or does not fit; nothing was changed, unless the message says so."""


def write(file: IO[bytes], entries: dict[str, Any], arrays: list[numpy.ndarray]) -> None:
    """Write the entries of a checkpoint and the arrays that they refer to.

    Parameters
    ----------
    file : file
        Open for writing and reading, and empty.
    entries : dict
        JSON values.
    arrays : list of numpy.ndarray
        In the order of the numbers that stand for them in the entries.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write(file, {"step": 3}, [numpy.ones(2)])
    >>> _ = file.seek(0)
    >>> numpy.load(file).files
    ['manifest', '0']
    """
    manifest = json.dumps({"format": FORMAT, "version": VERSION, "entries": entries}).encode()
    with zipfile.ZipFile(file, "w") as archive:
        _write_member(archive, "manifest", numpy.frombuffer(manifest, "uint8"))
        for i, array in enumerate(arrays):
            _write_member(archive, str(i), array)
        archive.comment = SEAL + bytes(DIGITS)
    size = file.seek(0, os.SEEK_END)
    digits = _digits(file, size)
    file.seek(size - DIGITS)
    file.write(digits)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[numpy.ndarray]]:
    """Read the entries of a checkpoint and its arrays, after checking the whole file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is anything but a checkpoint as `write` made it, or was written by a newer version.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.npz")
    ...     with open(path, "w+b") as file:
    ...         write(file, {"step": 3}, [numpy.ones(2)])
    ...     read(path)
    ({'step': 3}, [array([1., 1.])])
    """
    with _opened(path) as file, errors_of(path):
        size = os.fstat(file.fileno()).st_size
        _check_seal(file, size, path)
        with zipfile.ZipFile(file) as archive:
            _check_members(archive, size)
            manifest = _manifest(json.loads(bytes(_read_member(archive, "manifest"))), path)
            arrays = [_read_member(archive, str(i)) for i in range(len(archive.infolist()) - 1)]
        return manifest["entries"], arrays


@contextlib.contextmanager
def errors_of(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever the parsers of zip, npy and JSON raise on bytes that are not ours into a CheckpointError.

    Examples
    --------
    >>> with errors_of("run.npz"):
    ...     json.loads("[1, 2")
    Traceback (most recent call last):
        ...
    minigrad.checkpoint.archive.CheckpointError: run.npz is no checkpoint: Expecting ',' delimiter: line 1 column 6 ...
    """
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path} is no checkpoint: {error or type(error).__name__}") from error


def _opened(path: str | os.PathLike[str]) -> IO[bytes]:
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no checkpoint {path}")
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise CheckpointError(f"{path} is no checkpoint: it is a {'folder' if os.path.isdir(path) else 'device'}")
    return open(path, "rb")


def _write_member(archive: zipfile.ZipFile, name: str, array: numpy.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        npy.write_array(member, array, allow_pickle=False)


def _digits(file: IO[bytes], size: int) -> bytes:
    """Compute the checksum of a file of that size, up to the place of the digits."""
    import hashlib  # it takes several megabytes, which only saving needs

    digest = hashlib.sha256()
    file.seek(0)
    left = size - DIGITS
    while left and (piece := file.read(min(left, PIECE))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest().encode()


def _check_seal(file: IO[bytes], size: int, path: Any) -> None:
    file.seek(max(0, size - DIGITS - len(SEAL)))
    seal = file.read()
    if not seal.startswith(SEAL):
        raise CheckpointError(
            f"{path} is no checkpoint, or was cut short: it does not end with the checksum that save writes"
        )
    if seal.removeprefix(SEAL) != _digits(file, size):
        raise CheckpointError(f"{path} was altered after it had been saved: its checksum does not match")


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse what claims to hold more than the file, as members that are compressed or overlap do."""
    members = archive.infolist()
    if any(m.compress_type != zipfile.ZIP_STORED or m.compress_size != m.file_size for m in members):
        raise ValueError("it has compressed members")
    if sum(m.file_size for m in members) > size:
        raise ValueError("its members are larger than the file")


def _read_member(archive: zipfile.ZipFile, name: str) -> numpy.ndarray:
    size = archive.getinfo(f"{name}.npy").file_size
    with archive.open(f"{name}.npy") as member:
        shape, _, dtype = HEADERS[npy.read_magic(member)](member)
        if dtype.kind not in NUMBERS:
            raise ValueError(f"array {name!r} is of type {dtype}")
        if member.tell() + math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"array {name!r} has not the size that it claims")
        member.seek(0)
        return npy.read_array(member, allow_pickle=False)


def _manifest(manifest: Any, path: Any) -> dict[str, Any]:
    if manifest["format"] != FORMAT:
        raise ValueError(f"it is a {manifest['format']!r}")
    if manifest["version"] > VERSION:
        raise CheckpointError(
            f"{path} was written by a newer minigrad (its format is {manifest['version']}, and this one reads up to "
            f"{VERSION}); update minigrad"
        )
    return manifest
