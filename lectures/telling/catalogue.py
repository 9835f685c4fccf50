"""The catalogue: every folder beside this one that holds a ``lecture.py`` is a lecture."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lectures.telling.story import Story


class UnknownLectureError(LookupError):
    """There is no lecture of that name; the message offers the nearest ones.

    Examples
    --------
    >>> print(UnknownLectureError("there is no lecture 'atacks'"))
    there is no lecture 'atacks'
    """


@dataclass(frozen=True)
class Entry:
    """A lecture that was found: its story, or the error that kept it from being imported.

    Examples
    --------
    >>> Entry("attacks").title
    'attacks'
    """

    name: str
    story: Story | None = None
    error: Exception | None = None

    @property
    def title(self) -> str:
        """The lecture's heading, or its name where it could not be imported."""
        return self.name if self.story is None else self.story.title

    @property
    def steps(self) -> int:
        """How many steps the lecture has."""
        return 0 if self.story is None else len(self.story.steps)


def names(package: str = "lectures") -> list[str]:
    """List the folders of the package that hold a ``lecture.py``, in the order of the alphabet.

    Examples
    --------
    >>> "telling" in names()
    False
    """
    folders = importlib.import_module(package).__path__
    return sorted({file.parent.name for folder in folders for file in Path(folder).glob("*/lecture.py")})


def find(name: str, package: str = "lectures") -> Entry:
    """Import one lecture.

    Raises
    ------
    UnknownLectureError
        If there is no lecture of that name.

    Examples
    --------
    >>> find("no such lecture")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    UnknownLectureError: there is no lecture 'no such lecture'; see: minigrad lectures
    """
    known = names(package)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see: minigrad lectures"
        raise UnknownLectureError(f"there is no lecture {name!r}; {hint}")
    try:
        return Entry(name, _story(f"{package}.{name}.lecture"))
    except Exception as error:  # a lecture is the reader's own code, and may fail in any way
        return Entry(name, error=error)


def _story(module: str) -> Story:
    found = [value for value in vars(importlib.import_module(module)).values() if isinstance(value, Story)]
    if len(found) != 1:
        raise TypeError(f"{module} must make one story: story = Story(__name__); it makes {len(found)}")
    return found[0]


def catalogue(package: str = "lectures") -> list[Entry]:
    """Import all lectures and list them in the order of the tour.

    That is the `order` each gives to its story, then the alphabet; those that cannot be imported come last.

    Examples
    --------
    >>> "attacks" in [entry.name for entry in catalogue()]
    True
    """
    return sorted((find(name, package) for name in names(package)), key=_rank)


def _rank(entry: Entry) -> tuple[bool, int, str]:
    return entry.story is None, 0 if entry.story is None else entry.story.order, entry.name


def table(entries: Sequence[Entry]) -> str:
    """List lectures with their number of steps and their titles, for a terminal.

    Examples
    --------
    >>> print(table([Entry("attacks")]))
    lecture  steps  title
    attacks      0  attacks
    """
    width = max([len("lecture"), *(len(entry.name) for entry in entries)])
    rows = [f"{entry.name:{width}}  {entry.steps:5d}  {_remark(entry)}" for entry in entries]
    return "\n".join([f"{'lecture':{width}}  steps  title", *rows])


def _remark(entry: Entry) -> str:
    return entry.title if entry.error is None else f"cannot be imported: {type(entry.error).__name__}: {entry.error}"
