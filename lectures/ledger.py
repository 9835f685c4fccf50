"""The ledger: which items of the lectures have code, and which of those a test proves.

``ledger.toml`` beside this file lists the items. Code cites them in the References of its docstrings, tests name them
in ``@pytest.mark.proves`` and ``@pytest.mark.refutes``. This module reads all three, without importing the code or the
tests, and says where each item stands. docs/ledger.md is the guide.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the packages: a checkout, or the site-packages of an installation."""

PACKAGES = ("minigrad", "lectures", "exercises")
"""Where code may cite the ledger."""

KINDS = ("definition", "identity", "inequality", "theorem", "claim", "algorithm", "recipe", "exercise", "figure")
"""What an item may be."""

TOPICS = (
    "engine",
    "attacks",
    "adversarial-training",
    "danskin",
    "sam",
    "gan",
    "fgan",
    "gan-variants",
    "gan-architectures",
    "evaluation",
    "wasserstein",
    "games",
    "vae",
    "domain-adaptation",
    "sequence",
    "curvature",
    "sgd",
)
"""What an item may be about."""

FALSE_AS_PRINTED = ("wrong", "missing")
"""The verdicts that demand a refuting test: the printed form is false, or false without what it leaves out."""

VERDICTS = (*FALSE_AS_PRINTED, "typo", "inconsistent", "overstated")
"""How a printed item may be at fault; the last three may have a refuting test, and need none."""

STATUSES = ("proven", "refuted as printed", "narrative", "implemented", "open")
"""Where an item may stand; "implemented" is said only where the tests cannot be read."""


# The items


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of a lecture: what it states, how that can be tested, and what is wrong with it as printed.

    Attributes
    ----------
    id : str
        The source's name, a hyphen and a name within the source.
    source : str
        The document, a key of the table ``sources``.
    where : str
        The place in the document.
    kind, topic : str
        One of `KINDS`, one of `TOPICS`.
    statement : str
        What the document states, in our own words.
    testable : str
        A property that a numerical test can check.
    verdict, correction : str, optional
        One of `VERDICTS`, and what is wrong and what is right; both or neither.
    narrative : str, optional
        Why the item cannot be implemented.
    """

    id: str
    source: str
    where: str
    kind: str
    topic: str
    statement: str
    testable: str
    verdict: str | None = None
    correction: str | None = None
    narrative: str | None = None

    @property
    def needs_refutation(self) -> bool:
        """Whether the printed form is false, so that a test must show it."""
        return self.verdict in FALSE_AS_PRINTED


def read_items(root: Path = ROOT) -> dict[str, Item]:
    """Read ``lectures/ledger.toml``: the items by their ids, in the order of the file.

    Parameters
    ----------
    root : Path
        The folder that holds ``lectures/``.

    Raises
    ------
    ValueError
        If an id occurs twice, or an item has a field too many or too few.

    Examples
    --------
    >>> read_items()["opt19-mse"].topic
    'engine'
    """
    with (root / "lectures" / "ledger.toml").open("rb") as file:
        tables = tomllib.load(file)["item"]
    items: dict[str, Item] = {}
    for table in tables:
        item = _item(table)
        if item.id in items:
            raise ValueError(f"the ledger holds {item.id!r} twice")
        items[item.id] = item
    return items


def _item(table: dict[str, str]) -> Item:
    try:
        return Item(**table)
    except TypeError as error:
        raise ValueError(f"the ledger's item {table.get('id')!r} has a field too many or too few: {error}") from None


# The code that cites them


@dataclass(frozen=True)
class Place:
    """A function, method, class or module whose docstring cites the ledger.

    Attributes
    ----------
    module : str
        The dotted name of the module.
    qualname : str
        The name inside the module, as in ``__qualname__``; empty for the module itself.
    file : Path
        The file, absolute.
    line : int
        The line of its ``def`` or ``class``; 1 for a module.
    """

    module: str
    qualname: str
    file: Path
    line: int

    @property
    def name(self) -> str:
        """The full dotted name."""
        return f"{self.module}.{self.qualname}" if self.qualname else self.module


_REFERENCES = re.compile(r"^References\n-+\n(.*?)(?=^[^\n]+\n-{3,}$|\Z)", re.MULTILINE | re.DOTALL)
# An id may contain a full stop, so that only one before white space ends the line; a blank line ends a forgotten one.
_LEDGER_LINE = re.compile(r"^Ledger:(.*?)(?:\.(?=\s|\Z)|\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def cited_ids(docstring: str) -> list[str]:
    """List the ids that a docstring cites: ``Ledger: id, id.`` in its section References.

    Examples
    --------
    >>> cited_ids("Add.\\n\\nReferences\\n----------\\nLedger: opt19-mse,\\nopt19-fgsm.\\n\\nA. Author (1994).")
    ['opt19-mse', 'opt19-fgsm']
    """
    sections = _REFERENCES.findall(inspect.cleandoc(docstring))
    lines = [line for section in sections for line in _LEDGER_LINE.findall(section)]
    return [cited for line in lines for cited in (part.strip() for part in line.split(",")) if cited]


def docstrings(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """Walk through a parsed file: the qualified name, the line and the docstring of all that has one.

    Examples
    --------
    >>> list(docstrings(ast.parse("def f():\\n    'One.'")))
    [('f', 1, 'One.')]
    """
    yield from _docstrings(tree, "", "")


def _docstrings(node: ast.AST, qualname: str, prefix: str) -> Iterator[tuple[str, int, str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        qualname = prefix + node.name
        prefix = qualname + ("." if isinstance(node, ast.ClassDef) else ".<locals>.")
    if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        text = ast.get_docstring(node)
        if text:
            yield qualname, getattr(node, "lineno", 1), text
    for child in ast.iter_child_nodes(node):
        yield from _docstrings(child, qualname, prefix)


def find_code(root: Path = ROOT) -> dict[str, list[Place]]:
    """Find the code of every cited id, in the packages `PACKAGES` under root.

    Examples
    --------
    >>> "minigrad.transforms.hvp" in [place.name for place in find_code()["dl10-hvp-derivation"]]
    True
    """
    code: dict[str, list[Place]] = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for cited, place in _citations(path.resolve(), _module_name(path.relative_to(root))):
                code.setdefault(cited, []).append(place)
    return code


def _citations(path: Path, module: str) -> Iterator[tuple[str, Place]]:
    text = path.read_text(encoding="utf-8")
    if "Ledger:" not in text:
        return
    for qualname, line, docstring in docstrings(ast.parse(text, str(path))):
        for cited in cited_ids(docstring):
            yield cited, Place(module, qualname, path, line)


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# The tests that name them


@dataclass(frozen=True)
class MarkedTest:
    """A test function with a marker ``proves`` or ``refutes``.

    Attributes
    ----------
    name : str
        As pytest writes it: ``tests/minigrad/test_prox.py::test_box``.
    line : int
        The line of its ``def``.
    proves, refutes : tuple of str
        The ids in its markers, and in those of its class and its module.
    """

    name: str
    line: int
    proves: tuple[str, ...]
    refutes: tuple[str, ...]


def find_tests(root: Path = ROOT) -> list[MarkedTest] | None:
    """Find the marked tests under ``tests/``; None where there are no tests, as in an installed package.

    A test that is skipped or expected to fail (``skip``, ``skipif``, ``xfail``) proves nothing, and is left out.

    Raises
    ------
    ValueError
        If the ids of a marker are not written as plain strings.
    """
    # Without the check for a checkout, an installed package would read a folder `tests` that another one left behind.
    if not (root / "pyproject.toml").is_file() or not (root / "tests").is_dir():
        return None
    files = sorted((root / "tests").rglob("test_*.py"))
    return [test for path in files for test in _tests_of(path, path.relative_to(root).as_posix())]


def _tests_of(path: Path, name: str) -> list[MarkedTest]:
    text = path.read_text(encoding="utf-8")
    if "mark.proves" not in text and "mark.refutes" not in text:
        return []
    return list(_marked_tests(ast.parse(text, str(path)).body, name, []))


def _marked_tests(body: list[ast.stmt], name: str, marks: list[ast.expr]) -> Iterator[MarkedTest]:
    marks = marks + _pytestmark(body)
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _marked_tests(node.body, f"{name}::{node.name}", marks + node.decorator_list)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            test = _marked_test(f"{name}::{node.name}", node.lineno, marks + node.decorator_list)
            if test.proves or test.refutes:
                yield test


def _pytestmark(body: list[ast.stmt]) -> list[ast.expr]:
    """Return the marks that a module or class gives to all its tests, ``pytestmark = mark`` or a list of marks."""
    marks: list[ast.expr] = []
    for node in body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets):
            marks += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return marks


def _marked_test(name: str, line: int, marks: list[ast.expr]) -> MarkedTest:
    if any(_mark_name(mark) in ("skip", "skipif", "xfail") for mark in marks):
        return MarkedTest(name, line, (), ())
    return MarkedTest(name, line, _ids_in("proves", marks, name), _ids_in("refutes", marks, name))


def _mark_name(mark: ast.expr) -> str | None:
    target = mark.func if isinstance(mark, ast.Call) else mark
    is_mark = isinstance(target, ast.Attribute) and ast.unparse(target.value) in ("pytest.mark", "mark")
    return target.attr if is_mark and isinstance(target, ast.Attribute) else None


def _ids_in(kind: str, marks: Iterable[ast.expr], test: str) -> tuple[str, ...]:
    return tuple(item_id for mark in marks if _mark_name(mark) == kind for item_id in _ids_of(mark, kind, test))


def _ids_of(mark: ast.expr, kind: str, test: str) -> list[str]:
    arguments = mark.args if isinstance(mark, ast.Call) else []
    ids = [arg.value for arg in arguments if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if not ids or len(ids) < len(arguments):
        raise ValueError(f"{test}, line {mark.lineno}: write the ids of @pytest.mark.{kind} as strings")
    return ids


# Where the items stand


@dataclass(frozen=True)
class Ledger:
    """The items, the code that cites them and the tests that name them.

    Attributes
    ----------
    items : dict of str to Item
        By id, in the order of the file.
    code : dict of str to list of Place
        By cited id, known or not.
    tests : list of MarkedTest, or None
        None where there are no tests, as in an installed package.
    """

    items: dict[str, Item]
    code: dict[str, list[Place]]
    tests: list[MarkedTest] | None

    def proving(self, item_id: str) -> list[MarkedTest]:
        """List the tests that prove an item."""
        return [test for test in self.tests or [] if item_id in test.proves]

    def refuting(self, item_id: str) -> list[MarkedTest]:
        """List the tests that refute an item as printed."""
        return [test for test in self.tests or [] if item_id in test.refutes]


def read(root: Path = ROOT) -> Ledger:
    """Read the ledger, the code and the tests under root.

    Examples
    --------
    >>> len(read().items)
    368
    """
    return Ledger(read_items(root), find_code(root), find_tests(root))


def status(item: Item | str, ledger: Ledger | None = None) -> str:
    """Say where an item stands.

    ``"narrative"``: it cannot be implemented. ``"refuted as printed"``: one test refutes the printed form, another
    proves the corrected one. ``"proven"``: a test proves it. ``"open"``: none of these. Where the tests cannot be read,
    code that cites the item makes it ``"implemented"``.

    Parameters
    ----------
    item : Item or str
        An item or its id.
    ledger : Ledger, optional
        Read afresh if not given.

    Raises
    ------
    ValueError
        If no item has this id.

    Examples
    --------
    >>> item = read_items()["opt19-mse"]
    >>> status(item, Ledger({item.id: item}, {}, [MarkedTest("test_mse", 1, ("opt19-mse",), ())]))
    'proven'
    """
    ledger = ledger or read()
    item_id = item if isinstance(item, str) else item.id
    if item_id not in ledger.items:
        raise ValueError(f"no item {item_id!r} in the ledger; {nearest(item_id, ledger.items)}")
    if ledger.items[item_id].narrative:
        return "narrative"
    if ledger.tests is None:
        return "implemented" if item_id in ledger.code else "open"
    if not ledger.proving(item_id):
        return "open"
    return "refuted as printed" if ledger.refuting(item_id) else "proven"


def nearest(name: str, known: Collection[str]) -> str:
    """Name the known names that are nearest to an unknown one.

    Examples
    --------
    >>> nearest("opt19-fsgm", ["opt19-fgsm", "dl10-eq06"])
    'the nearest is opt19-fgsm'
    """
    close = difflib.get_close_matches(name, known) or difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"the nearest {'is' if len(close) == 1 else 'are'} {', '.join(close)}"


# The table


def main_table(topic: str | None = None, ledger: Ledger | None = None) -> str:
    """Draw the ledger as a plain text table: one line per item, then one per status and one per topic.

    Parameters
    ----------
    topic : str, optional
        Only the items of this topic.
    ledger : Ledger, optional
        Read afresh if not given.

    Raises
    ------
    ValueError
        If no item has this topic.

    Examples
    --------
    >>> main_table("engine").splitlines()[0].split()
    ['id', 'where', 'status', 'code', 'tests']
    """
    ledger = ledger or read()
    items = _of_topic(ledger, topic)
    stands = {item.id: status(item, ledger) for item in items}
    head = ("id", "where", "status", "code", "tests")
    lines = _columns([head, *(_row(item, stands[item.id], ledger) for item in items)])
    lines += ["", *_columns(_by_status(items, stands)), "", *_columns(_by_topic(items, stands))]
    if ledger.tests is None:
        lines += ["", "The tests are not here (an installed package): the status is read from the code alone."]
    return "\n".join(lines)


def _of_topic(ledger: Ledger, topic: str | None) -> list[Item]:
    known = list(dict.fromkeys(item.topic for item in ledger.items.values()))
    if topic is not None and topic not in known:
        raise ValueError(f"no topic {topic!r}; {nearest(topic, known)}; the topics: {', '.join(known)}")
    return [item for item in ledger.items.values() if topic in (None, item.topic)]


def _row(item: Item, stand: str, ledger: Ledger) -> tuple[str, ...]:
    places = ledger.code.get(item.id, [])
    more = f" +{len(places) - 1}" if len(places) > 1 else ""
    code = places[0].name + more if places else "-"
    tests = {test.name for test in ledger.proving(item.id) + ledger.refuting(item.id)}
    return item.id, _cut(item.where, 40), stand, code, "-" if ledger.tests is None else str(len(tests))


def _by_status(items: list[Item], stands: dict[str, str]) -> list[tuple[str, ...]]:
    count = Counter(stands.values())
    used = [stand for stand in STATUSES if count[stand]]
    return [("status", "items"), *((stand, str(count[stand])) for stand in used), ("all", str(len(items)))]


def _by_topic(items: list[Item], stands: dict[str, str]) -> list[tuple[str, ...]]:
    used = [stand for stand in STATUSES if stand in stands.values()]
    rows: list[tuple[str, ...]] = [("topic", "items", *used)]
    for topic in dict.fromkeys(item.topic for item in items):
        count = Counter(stands[item.id] for item in items if item.topic == topic)
        rows.append((topic, str(count.total()), *(str(count[stand]) for stand in used)))
    return rows


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Pad the cells of every column to one width, and draw a line under the first row."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    padded = [
        [cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (rows[0], rule, *rows[1:])
    ]
    return ["  ".join(cells).rstrip() for cells in padded]
