"""Writing results: the folder is checked before anything is computed, and no file is left half written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class OutputError(Exception):
    """The folder or file for the results cannot be written; the message says why.

    Examples
    --------
    >>> print(OutputError("results is a file, and a folder is needed"))
    results is a file, and a folder is needed
    """


def writable_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder if it is missing, and check that files can be written there.

    Raises
    ------
    OutputError
        If it is a file, or cannot be made or written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writable_folder(Path(folder, "figures")).name
    'figures'
    """
    folder = Path(path)
    try:
        folder = folder.expanduser()
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is a file, and a folder is needed; choose another with --out")
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:  # RuntimeError: the home of a user that does not exist
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write to the folder {folder}: {reason}; choose another with --out") from error
    return folder


def write_file(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, so that an interruption never leaves half of it.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(Path(folder, "note.txt"), b"hello").read_bytes()
    b'hello'
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return path
