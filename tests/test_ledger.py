"""The ledger holds, and so do the machines that keep it: the reader, the table and the pytest plugin."""

import ast
import cProfile
import sys
import tomllib

import pytest
from hypothesis import given, strategies

from lectures.ledger import (
    KINDS,
    PACKAGES,
    ROOT,
    TOPICS,
    VERDICTS,
    Item,
    Ledger,
    MarkedTest,
    cited_ids,
    docstrings,
    find_code,
    find_tests,
    main_table,
    nearest,
    read,
    read_items,
    status,
)
from tests.ledger_plugin import Recorder


@pytest.fixture(scope="module")
def ledger():
    return read()


# The project's own ledger


def test_the_ledger_holds_every_item_of_the_five_documents(ledger):
    assert len(ledger.items) == 368


def test_every_item_is_well_formed(ledger):
    sources = tomllib.loads((ROOT / "lectures" / "ledger.toml").read_text(encoding="utf-8"))["sources"]
    for item in ledger.items.values():
        assert item.source in sources, item.id
        assert item.id.startswith(f"{item.source}-"), item.id
        assert item.kind in KINDS, item.id
        assert item.topic in TOPICS, item.id
        assert item.where, item.id
        assert item.statement, item.id
        assert item.testable, item.id


def test_a_verdict_comes_with_its_correction(ledger):
    for item in ledger.items.values():
        assert item.verdict in (None, *VERDICTS), item.id
        assert (item.verdict is None) == (not item.correction), item.id


def test_every_cited_item_exists(ledger):
    unknown = {cited: places for cited, places in ledger.code.items() if cited not in ledger.items}
    assert not unknown, [
        f"{places[0].name}: {cited}; {nearest(cited, ledger.items)}" for cited, places in unknown.items()
    ]


def test_every_citation_stands_in_a_references_section():
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for qualname, _, text in docstrings(ast.parse(path.read_text(encoding="utf-8"))):
            lines = [line for line in text.splitlines() if line.startswith("Ledger:")]
            assert not lines or cited_ids(text), f"{path}: {qualname} cites the ledger outside its References"


def test_every_item_in_a_marker_exists(ledger):
    for test in ledger.tests:
        for item_id in test.proves + test.refutes:
            assert item_id in ledger.items, f"{test.name}: {item_id}; {nearest(item_id, ledger.items)}"


def test_every_implemented_item_is_proven(ledger):
    unproven = [item_id for item_id in ledger.items if item_id in ledger.code and not ledger.proving(item_id)]
    assert not unproven, f"no test proves {', '.join(unproven)}"


def test_every_implemented_item_that_is_false_as_printed_is_refuted(ledger):
    false = [item.id for item in ledger.items.values() if item.needs_refutation and item.id in ledger.code]
    unrefuted = [item_id for item_id in false if not ledger.refuting(item_id)]
    assert not unrefuted, f"no test refutes {', '.join(unrefuted)}"


def test_no_item_is_both_narrative_and_implemented(ledger):
    assert [item.id for item in ledger.items.values() if item.narrative and item.id in ledger.code] == []


def test_the_plugin_watches_this_very_run(pytestconfig):
    assert pytestconfig.pluginmanager.hasplugin("tests.ledger_plugin")


# The reader

ITEM = """
[[item]]
id = "{}"
source = "toy"
where = "slide 1"
kind = "identity"
topic = "engine"
statement = "twice x is x plus x"
testable = "for every x"
"""


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def references(text):
    return f'"""Say something.\n\nReferences\n----------\n{text}\n"""\n'


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_an_id_that_occurs_twice_is_refused(tmp_path):
    root = write(tmp_path, {"lectures/ledger.toml": ITEM.format("toy-a") + ITEM.format("toy-a")})
    with pytest.raises(ValueError, match="'toy-a' twice"):
        read_items(root)


def test_a_misspelt_field_is_refused_with_the_id_of_its_item(tmp_path):
    root = write(tmp_path, {"lectures/ledger.toml": ITEM.format("toy-a") + 'narative = "no"'})
    with pytest.raises(ValueError, match=r"'toy-a' has a field too many or too few: .*narative"):
        read_items(root)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Ledger: a-1.", ["a-1"]),
        ("Ledger: a-1, b-2,\nc-3.", ["a-1", "b-2", "c-3"]),
        ("Ledger: a-fig19.2-x, b.", ["a-fig19.2-x", "b"]),
        ("Ledger: a. An Author (1994).", ["a"]),
        ("Ledger: a\n\nAn Author (1994), and more.", ["a"]),
        ("Ledger: a.\n\nExamples\n--------\nLedger: b.", ["a"]),
        ("An Author (1994).\n\nLedger: a.", ["a"]),
        ("An Author (1994).", []),
    ],
)
def test_ids_are_read_up_to_the_full_stop(text, ids):
    assert cited_ids(f"Say it.\n\nReferences\n----------\n{text}") == ids


@given(
    strategies.lists(strategies.tuples(strategies.sampled_from(sorted(read_items())), strategies.sampled_from(" \n")))
)
def test_ids_are_read_however_the_line_wraps(ids):
    wrapped = ",".join(f"{space}{item_id}" for item_id, space in ids)
    assert cited_ids(f"Say it.\n\nReferences\n----------\nLedger:{wrapped}.") == [item_id for item_id, _ in ids]


def test_ids_outside_the_references_are_not_read():
    assert cited_ids("Say it.\n\nLedger: a.\n\nNotes\n-----\nLedger: b.") == []


def test_code_is_found_in_modules_classes_methods_and_functions(tmp_path):
    method = "def method(self):\n" + indented(references("Ledger: toy-method."))
    outer = "def outer():\n    def inner():\n" + indented(indented(references("Ledger: toy-inner.")))
    text = (
        references("Ledger: toy-module.") + "class Box:\n" + indented(references("Ledger: toy-class.") + method) + outer
    )
    root = write(tmp_path, {"minigrad/sub/__init__.py": text})
    code = find_code(root)
    assert {cited: [place.name for place in places] for cited, places in code.items()} == {
        "toy-module": ["minigrad.sub"],
        "toy-class": ["minigrad.sub.Box"],
        "toy-method": ["minigrad.sub.Box.method"],
        "toy-inner": ["minigrad.sub.outer.<locals>.inner"],
    }
    assert [code[cited][0].line for cited in ("toy-module", "toy-class")] == [1, 7]


MARKED = """
import pytest

pytestmark = {module}

@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.proves("a", "b")
def test_f(n): ...

@pytest.mark.refutes("c")
class TestG:
    pytestmark = [pytest.mark.slow, pytest.mark.proves("d")]

    @pytest.mark.proves("e")
    def test_g(self): ...

@pytest.mark.xfail
@pytest.mark.proves("f")
def test_h(): ...

@pytest.mark.proves("g")
def no_test(): ...
"""


@pytest.mark.parametrize("module", ['pytest.mark.proves("m")', '[pytest.mark.slow, pytest.mark.proves("m")]'])
def test_markers_are_read_from_functions_classes_and_modules(tmp_path, module):
    root = write(tmp_path, {"pyproject.toml": "", "tests/deep/test_it.py": MARKED.format(module=module)})
    assert [(test.name, set(test.proves), set(test.refutes)) for test in find_tests(root)] == [
        ("tests/deep/test_it.py::test_f", {"m", "a", "b"}, set()),
        ("tests/deep/test_it.py::TestG::test_g", {"m", "d", "e"}, {"c"}),
    ]


@pytest.mark.parametrize("marker", ["proves(*IDS)", "proves()", "proves", 'refutes("a", b)'])
def test_a_marker_without_plain_ids_is_refused(tmp_path, marker):
    text = f"@pytest.mark.{marker}\ndef test_f(): ..."
    root = write(tmp_path, {"pyproject.toml": "", "tests/test_it.py": text})
    with pytest.raises(ValueError, match=r"test_it.py::test_f, line 1: write the ids of @pytest.mark"):
        find_tests(root)


# Statuses and the table


def toy_ledger(tests, **fields):
    text = {name: name for name in ("where", "kind", "topic", "statement", "testable")}
    item = Item(id="toy-a", source="toy", **(text | fields))
    return Ledger({"toy-a": item}, {"toy-a": []}, tests)


PROOF = MarkedTest("tests/test_a.py::test_proof", 1, ("toy-a",), ())
REFUTATION = MarkedTest("tests/test_a.py::test_refutation", 5, (), ("toy-a",))


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ([], "open"),
        ([PROOF], "proven"),
        ([REFUTATION], "open"),
        ([PROOF, REFUTATION], "refuted as printed"),
        (None, "implemented"),
    ],
)
def test_the_tests_decide_the_status(tests, expected):
    assert status("toy-a", toy_ledger(tests)) == expected


def test_a_reason_makes_an_item_narrative():
    assert status("toy-a", toy_ledger([], narrative="a remark on history")) == "narrative"


def test_a_misspelt_id_has_no_status(ledger):
    with pytest.raises(ValueError, match=r"no item 'opt19-fsgm' in the ledger; .*opt19-fgsm"):
        status("opt19-fsgm", ledger)


def test_only_what_is_false_as_printed_needs_a_refutation():
    needy = [verdict for verdict in VERDICTS if toy_ledger([], verdict=verdict).items["toy-a"].needs_refutation]
    assert needy == ["wrong", "missing"]


def test_the_table_has_a_line_for_every_item_and_sums_them_up(ledger):
    lines = [line.split() for line in main_table(ledger=ledger).splitlines()]
    assert {item_id for item_id in ledger.items if [item_id] in [line[:1] for line in lines]} == set(ledger.items)
    assert ["all", "368"] in lines
    assert [line[1] for line in lines if line[:1] == ["attacks"]] == ["26"]


def test_the_table_of_a_topic_has_only_its_items(ledger):
    table = main_table("engine", ledger)
    assert "opt19-mse" in table
    assert "opt19-fgsm" not in table


def test_a_misspelt_topic_is_refused_with_the_nearest_and_all(ledger):
    with pytest.raises(ValueError, match=r"no topic 'atacks'; the nearest is attacks; the topics: .*wasserstein"):
        main_table("atacks", ledger)


def test_without_tests_the_table_says_so(tmp_path):
    double = "def double(x):\n" + indented(references("Ledger: toy-a."))
    root = write(
        tmp_path, {"lectures/ledger.toml": ITEM.format("toy-a"), "minigrad/double.py": double, "tests/x.py": ""}
    )
    lines = main_table(ledger=read(root)).splitlines()
    assert lines[2].split() == ["toy-a", "slide", "1", "implemented", "minigrad.double.double", "-"]
    assert lines[-1] == "The tests are not here (an installed package): the status is read from the code alone."


# The plugin, on a small project of its own

TOY = (
    references("Ledger: toy-module.")
    + '''
import functools

def loud(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)
    return wrapper

@loud
def double(x):
    """Double.

    References
    ----------
    Ledger: toy-double.
    """
    return x + x

class Box:
    """A box.

    References
    ----------
    Ledger: toy-box.
    """

    @staticmethod
    def volume():
        return 1
'''
)

LATE = references("Ledger: toy-late.") + "class Late:\n    def method(self): ..."

HYPOTHESIS = """
from hypothesis import given, strategies

@given(strategies.integers())"""


@pytest.fixture
def toy(pytester):
    """Run the plugin on a test of the modules TOY and LATE; its result."""

    def run(test, pytest_run=pytester.runpytest, workers="-n0"):
        ids = ("toy-double", "toy-box", "toy-module", "toy-late", "toy-uncited")
        files = {
            "pytest.ini": "[pytest]\nfilterwarnings = error\nmarkers =\n    proves\n    refutes\n    slow\n",
            "lectures/ledger.toml": "".join(ITEM.format(item_id) for item_id in ids),
            "minigrad/toy.py": TOY,
            "minigrad/late.py": LATE,
            "minigrad/test_toy.py": "import pytest\nfrom toy import Box, double\n" + test,
        }
        write(pytester.path, files)
        return pytest_run(workers, "-p", "tests.ledger_plugin", "-p", "no:cacheprovider", "minigrad")

    return run


def marked(marker, body):
    return f"\n@pytest.mark.{marker}\ndef test_toy():\n    {body}\n"


@pytest.mark.parametrize(
    "test",
    [
        marked('proves("toy-double")', "double(1)"),
        marked('proves("toy-box")', "Box.volume()"),
        marked('proves("toy-module")', "Box.volume()"),
        marked('proves("toy-double", "toy-box")', "double(Box.volume())"),
        marked('refutes("toy-double")', "assert 2 != 3"),
        HYPOTHESIS + marked('proves("toy-double")', "double(x)").replace("()", "(x)"),
        "\npytestmark = [pytest.mark.proves('toy-double')]\n" + marked("slow", "double(1)"),
    ],
    ids=["function", "class", "module", "two", "refutes", "hypothesis", "marks of the module"],
)
def test_a_test_that_runs_the_code_passes(toy, test):
    toy(test).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (marked('proves("toy-double")', "pass"), "*proves toy-double, but ran nothing*minigrad.toy.double (toy.py:*"),
        (marked('proves("toy-box")', "Box()"), "*proves toy-box, but ran nothing*minigrad.toy.Box (toy.py:*"),
        (marked('proves("toy-double", "toy-box")', "double(1)"), "*proves toy-box, but ran nothing*"),
        (marked('proves("toy-late")', "import late"), "*proves toy-late, but ran nothing*minigrad.late (late.py:1)"),
        (marked('proves("toy-uncited")', "pass"), "*proves toy-uncited, which no docstring cites*"),
        (marked('proves("toy-duoble")', "pass"), "*proves toy-duoble, which the ledger does not hold; *toy-double*"),
        (marked('refutes("toy-duoble")', "pass"), "*refutes toy-duoble, which the ledger does not hold; *toy-double*"),
        (marked("proves()", "pass"), "*proves names no item*"),
    ],
    ids=["function", "class", "one of two", "only imported", "uncited", "unknown", "unknown refuted", "empty"],
)
def test_a_test_that_proves_nothing_fails(toy, test, message):
    result = toy(test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_code_that_a_fixture_runs_proves_nothing(toy):
    fixture = "\n@pytest.fixture(autouse=True)\ndef early():\n    double(1)\n"
    toy(fixture + marked('proves("toy-double")', "pass")).assert_outcomes(failed=1)


def test_a_failing_test_keeps_its_own_error(toy):
    result = toy(marked('proves("toy-double")', "assert 1 == 2"))
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*ran nothing*")


def test_a_skipped_test_stays_skipped(toy):
    toy(marked('proves("toy-double")', "pytest.skip('no')")).assert_outcomes(skipped=1)


def test_the_plugin_works_in_the_processes_of_xdist(toy, pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    result = toy(marked('proves("toy-double")', "double(1)"), pytester.runpytest_subprocess, workers="-n1")
    result.assert_outcomes(passed=1)


# The recorder


def note(*event): ...


def test_the_recorder_restores_the_profiler_it_found():
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        with Recorder({"toy-a": []}) as recorder:
            assert sys.getprofile() is recorder
        after = sys.getprofile()
    finally:
        sys.setprofile(before)
    assert after is note


def test_the_recorder_stops_listening_once_it_has_heard_all():
    (place,) = find_code()["dl10-hvp-derivation"][:1]
    before = sys.getprofile()
    with Recorder({"dl10-hvp-derivation": [place]}) as recorder:
        from minigrad import hvp

        assert sys.getprofile() is recorder
        hvp(lambda x: x**3, 1.0, 1.0)
        assert sys.getprofile() is before
    assert not recorder.waiting


def test_the_recorder_hands_back_to_cprofile():
    with cProfile.Profile() as profile:
        with Recorder({"toy-a": []}):
            pass
        note()
    assert any("note" in str(entry.code) for entry in profile.getstats())
