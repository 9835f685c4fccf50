"""The engine calls nothing that CuPy does not have: every name and argument is looked up in the recorded list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import minigrad
from minigrad.numpy import constants
from minigrad.primitives import TABLE
from tests.fake_device import RECORD, bind

SOURCES = sorted(Path(minigrad.__file__).parent.rglob("*.py"))


@dataclass(frozen=True)
class Use:
    """One place where a name is taken from the active backend, and the arguments if it is called there."""

    line: int
    path: tuple[str, ...]
    positional: int = 0
    keywords: tuple[str, ...] = ()


def uses(source: str) -> Iterator[Use]:
    """List what a source text takes from ``xp`` and from the ``.module`` of a backend."""
    tree = ast.parse(source)
    seen = set()
    for node in ast.walk(tree):  # breadth first: a call comes before its function, xp.linalg.inv before xp.linalg
        called = node.func if isinstance(node, ast.Call) else node
        path = path_from_backend(called)
        if path is None or called in seen:
            continue
        inner: ast.AST = called
        while isinstance(inner, ast.Attribute):
            seen.add(inner)
            inner = inner.value
        if isinstance(node, ast.Call):
            positional = sum(not isinstance(argument, ast.Starred) for argument in node.args)
            yield Use(node.lineno, path, positional, tuple(k.arg for k in node.keywords if k.arg is not None))
        else:
            yield Use(called.lineno, path)  # type: ignore[attr-defined]


def path_from_backend(node: ast.AST) -> tuple[str, ...] | None:
    """Give the names that follow ``xp`` or ``….module``, or None if this is something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        if node.attr == "module":
            break
        names.insert(0, node.attr)
        node = node.value
    backend = isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and node.id == "xp")
    return tuple(names) if backend and names else None


def complaint(use: Use) -> str | None:
    """Say what CuPy does not have, or None if it has everything."""
    dotted = ".".join(use.path)
    section = next((s for s in ("linalg", "lib.stride_tricks") if dotted.startswith(f"{s}.")), "module")
    name, *method = dotted.removeprefix(f"{section}.").split(".")
    entry = RECORD[section].get(name)
    if entry is None:
        return f"line {use.line}: CuPy has no {dotted}"
    if method:
        return None if method[0] in entry.get("methods", ()) else f"line {use.line}: CuPy has no {dotted}"
    if "parameters" in entry:
        try:
            bind(dotted, entry["parameters"], [None] * use.positional, dict.fromkeys(use.keywords))
        except TypeError as error:
            return f"line {use.line}: {error}"
    return None


def complaints(source: str) -> list[str]:
    """List what a source text asks of the backend that CuPy does not have."""
    return [found for found in map(complaint, uses(source)) if found]


@pytest.mark.parametrize("file", SOURCES, ids=lambda path: path.stem)
def test_every_name_and_argument_taken_from_the_backend_is_cupys(file):
    assert complaints(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", [p.name for p in TABLE.values() if p.forward is None])
def test_every_primitive_that_the_backend_computes_by_name_is_cupys(name):
    assert complaint(Use(0, tuple(name.split(".")))) is None


@pytest.mark.parametrize("name", constants.NAMES)
def test_every_function_without_a_derivative_is_cupys(name):
    assert complaint(Use(0, (name,))) is None


def test_the_checker_finds_the_uses():
    found = {use.path for file in SOURCES for use in uses(file.read_text(encoding="utf-8"))}
    assert {("exp",), ("add", "at"), ("linalg", "slogdet"), ("zeros",), ("asarray",)} <= found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("xp.frobnicate(x)", "CuPy has no frobnicate"),
        ("f = xp.frobnicate", "CuPy has no frobnicate"),
        ("xp.linalg.expm(x)", "CuPy has no linalg.expm"),
        ("current().module.vecdot(x, y)", "CuPy has no vecdot"),
        ("xp.exp.at(x, i, 1.0)", "CuPy has no exp.at"),
        ("xp.sum(x, axis=0, where=mask)", "CuPy's sum: got an unexpected keyword argument 'where'"),
        ("xp.linalg.inv(x, overwrite=True)", "CuPy's linalg.inv: got an unexpected keyword argument 'overwrite'"),
        ("xp.add(x, y, where=mask)", "CuPy's add: got an unexpected keyword argument 'where'"),
        ("xp.flip(x, 0, 1)", "CuPy's flip: too many positional arguments"),
        ("y = g(xp.sum(xp.frobnicate(x)))", "CuPy has no frobnicate"),
    ],
)
def test_the_checker_catches_what_cupy_does_not_have(source, expected):
    assert complaints(source) == [f"line 1: {expected}"]


@pytest.mark.parametrize(
    "source",
    [
        "xp.sum(x, axis=0, keepdims=True)",
        "xp.multiply(x, y, out=z)",
        "xp.einsum('i,i->', x, y, optimize=True)",
        "xp.add.at(x, i, 1.0)",
        "xp.array(x, dtype=d, **more)",
        "numpy.frobnicate(x)",
        "x.frobnicate(where=mask)",
    ],
)
def test_the_checker_lets_pass_what_cupy_has(source):
    assert complaints(source) == []
