"""Writing a file at once: whoever looks finds the old one or the new one, also after a crash in the middle."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a new file that takes the place of another when the ``with`` block ends well.

    It is written under another name in the same folder, brought to the disk, and renamed. If something goes wrong, it
    is removed; what a killed process leaves is overwritten by the next one. A link stays a link: the file that it
    leads to is replaced. The new file keeps the permissions of the old one.

    Parameters
    ----------
    path : path
        The file to replace or to make; its folder must exist.

    Raises
    ------
    OSError
        If the folder does not exist, or the path is something else than a file, or the system refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/numbers") as file:
    ...         _ = file.write(b"1 2 3")
    ...         print(os.listdir(folder))
    ...     print(os.listdir(folder))
    ['.numbers.saving']
    ['numbers']
    """
    check_place(path)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.saving")
    with _only_one(target.parent):
        temporary.unlink(missing_ok=True)
        try:
            with open(temporary, "x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse a place where no file can be written: no folder, or something there that is no file.

    Raises
    ------
    OSError

    Examples
    --------
    >>> check_place("run.npz")
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {target.parent}; make it first")
    if target.exists() and not target.is_file():
        raise OSError(f"{path} cannot be written: there is a {'folder' if target.is_dir() else 'device'} of this name")


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time write here, and bring the folder's list of names to the disk at the end.

    The lock is the system's, so a process that is killed lets go of it. Some network file systems have none; there, two
    processes must not save to the same path at the same time. Windows has neither of the two.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
