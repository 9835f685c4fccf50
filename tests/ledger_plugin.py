"""A pytest plugin: a test that claims to prove an item of the ledger must run the code that implements it.

While a test marked ``proves(...)`` runs, a profiler notes which functions are called. A test that ends without having
called an implementing function of each of its items fails. Only what the test function itself runs counts: a fixture
runs before it.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Generator
from functools import cache
from types import CodeType, FrameType
from typing import Any

import pytest

from lectures.ledger import Item, Place, find_code, nearest, read_items

ITEMS = pytest.StashKey[dict[str, Item]]()
CODE = pytest.StashKey[dict[str, list[Place]]]()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    markers = list(pyfuncitem.iter_markers("proves")) + list(pyfuncitem.iter_markers("refutes"))
    if not markers:
        return (yield)
    read_once(pyfuncitem.config)
    proves = [item_id for marker in markers if marker.name == "proves" for item_id in marker.args]
    complain(names_at_fault(markers, pyfuncitem.config.stash[ITEMS]))
    code = pyfuncitem.config.stash[CODE]
    complain([f"proves {item_id}, which no docstring cites" for item_id in proves if item_id not in code])
    with Recorder({item_id: code[item_id] for item_id in proves}) as recorder:
        result = yield
    complain([did_not_run(item_id, places) for item_id, places in recorder.waiting.items()])
    return result


def read_once(config: pytest.Config) -> None:
    if ITEMS not in config.stash:
        config.stash[ITEMS] = read_items(config.rootpath)
        config.stash[CODE] = find_code(config.rootpath)


def complain(faults: list[str]) -> None:
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


def names_at_fault(markers: list[pytest.Mark], items: dict[str, Item]) -> list[str]:
    empty = [f"{marker.name} names no item" for marker in markers if not marker.args]
    unknown = [(marker.name, item_id) for marker in markers for item_id in marker.args if item_id not in items]
    return empty + [
        f"{name} {item_id}, which the ledger does not hold; {nearest(item_id, items)}" for name, item_id in unknown
    ]


def did_not_run(item_id: str, places: list[Place]) -> str:
    names = ", ".join(f"{place.name} ({place.file.name}:{place.line})" for place in places)
    return f"proves {item_id}, but ran nothing of the code that implements it: {names}"


class Recorder:
    """A profiler that waits until every item has had one of its places called."""

    def __init__(self, places: dict[str, list[Place]]) -> None:
        self.waiting = dict(places)
        # The code objects are kept, so that no id is given away twice.
        self.seen: dict[int, CodeType] = {}
        self.previous: Any = None

    def __enter__(self) -> Recorder:
        self.previous = sys.getprofile()
        if self.waiting:
            sys.setprofile(self)
        return self

    def __exit__(self, *error: object) -> None:
        current: object = sys.getprofile()
        if current is self:
            restore(self.previous)

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or id(code) in self.seen:
            return
        self.seen[id(code)] = code
        ran = [item_id for item_id, places in self.waiting.items() if any(runs(code, place) for place in places)]
        for item_id in ran:
            del self.waiting[item_id]
        if not self.waiting:
            restore(self.previous)  # the rest of the test, most of it under Hypothesis, runs at full speed


def restore(profiler: Any) -> None:
    if profiler is None or callable(profiler):
        sys.setprofile(profiler)
    else:
        profiler.enable()  # a cProfile.Profile, which sys.setprofile does not take back


def runs(code: CodeType, place: Place) -> bool:
    """Whether a code object is a function of this place: itself, a method, a function inside, or one of the module."""
    is_function = bool(code.co_flags & inspect.CO_OPTIMIZED)  # the body of a class or a module is run by an import
    name = place.qualname
    inside = not name or code.co_qualname == name or code.co_qualname.startswith(f"{name}.")
    return is_function and inside and real_path(code.co_filename) == str(place.file)


@cache
def real_path(filename: str) -> str:
    return os.path.realpath(filename)
