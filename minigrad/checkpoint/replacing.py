"""Writing a file at once: whoever looks finds the old one or the new one, also after a crash in the middle."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LONGEST = 50  # letters of the name that a temporary file takes over, so that its own name does not become too long


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a new file that takes the place of another when the ``with`` block ends well.

    It is written under another name in the same folder, brought to the disk, and renamed. If something goes wrong, it
    is removed; what a killed process leaves is removed by the next one. A link stays a link: the file that it leads to
    is replaced. The new file keeps the permissions of the old one.

    Nobody ever waits for anybody: each writer has a file of its own with a random name, and of several the last one to
    rename wins. The writer holds the system's lock on that file, not to keep others out, but as a sign of life: the
    system lets go of it when the process ends, however it ends. So a temporary file that can be locked is a leftover.

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
    ...         print(len(os.listdir(folder)), os.path.exists(f"{folder}/numbers"))
    ...     print(os.listdir(folder))
    1 False
    ['numbers']
    """
    check_place(path)
    target = Path(os.path.realpath(path))
    _remove_leftovers(target)
    with _temporary(target) as temporary:
        try:
            with open(temporary, "r+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    _sync_folder(target.parent)


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
def _temporary(target: Path) -> Iterator[Path]:
    """Make an empty file beside the target, and hold its lock."""
    while True:
        temporary = target.with_name(f".{target.name[:LONGEST]}.{secrets.token_hex(8)}.saving")
        try:
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(target)) from None
        with open(descriptor, "wb") as file:
            locked = _lock(file)
            if locked is None:
                file.close()  # there is no lock to hold, and Windows renames no file that is open
            # another process may have taken it for a leftover, in the moment before it was locked
            if locked is not False and temporary.exists():
                yield temporary
                return


def _remove_leftovers(target: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(target.name[:LONGEST])}\.[0-9a-f]{{16}}\.saving")
    with os.scandir(target.parent) as entries:
        found = [entry.path for entry in entries if pattern.fullmatch(entry.name)]
    for path in found:
        # it may be gone meanwhile, or belong to another user
        with contextlib.suppress(OSError), open(path, "r+b") as file:
            if _lock(file):
                os.unlink(path)


def _lock(file: IO[bytes]) -> bool | None:
    """Lock a file until it is closed: True, or False if it is locked already, or None where there are no locks.

    Windows and some network file systems have none. There, leftovers stay.
    """
    if os.name != "posix":
        return None
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sync_folder(folder: Path) -> None:
    """Bring the list of names to the disk, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
