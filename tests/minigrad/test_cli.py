"""The command answers every wrong request with one clear message, and keeps what was finished."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from minigrad import backend, cli
from minigrad.cli import main

ROOT = Path(__file__).parents[2]

GOOD = """\
# %% [markdown]
# # The {name} lecture
# %%
from lectures.telling import Story, figure

story = Story(__name__, order={order})
# %%
@story.step
def draw(run):
    run.number("seed", run.seed)
    run.number("size", run.scaled(1, 2))
    return figure(2, 1)
"""

BAD_STEP = """\
@story.step
def fail(run):
    raise ZeroDivisionError("a bug")
"""

SLOW_STEP = """\
@story.step
def wait(run):
    import pathlib, time
    pathlib.Path({marker!r}).touch()
    time.sleep(60)
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Make a package of lectures: a function that adds one, and the package's name."""
    package = f"course_{tmp_path.name}".replace("-", "_")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    def add(name, order=100, more=""):
        folder = tmp_path / package / name
        folder.mkdir(parents=True)
        (folder / "lecture.py").write_text(GOOD.format(name=name, order=order) + more)

    add.package = package
    yield add
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


def run(course, *words):
    return main(list(words), package=course.package)


def assert_refused(capsys, code, message):
    printed = capsys.readouterr()
    assert code == 2
    assert message in printed.err
    assert "Traceback" not in printed.err


# What works


def test_without_a_command_it_shows_the_help(capsys):
    assert main([]) == 0
    assert "doctor" in capsys.readouterr().out


def test_the_tour_writes_figures_and_a_page_and_names_it(course, capsys):
    course("alpha", order=2)
    course("beta", order=1)
    assert run(course, "tour", "--out", "here", "--seed", "5") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == f"page: {Path('here', 'index.html')}"
    assert printed.err == ""
    text = Path("here", "index.html").read_text()
    assert text.index("The beta lecture") < text.index("The alpha lecture")
    assert all(Path("here", name, "draw.png").is_file() for name in ("alpha", "beta"))
    assert "<dt>Seed</dt><dd>5</dd>" in text


def test_the_default_folder_is_minigrad_tour(course):
    course("alpha")
    assert run(course, "tour") == 0
    assert Path("minigrad-tour", "index.html").is_file()


def test_one_lecture_has_its_own_page_and_leaves_that_of_the_tour_alone(course, capsys):
    course("alpha")
    assert run(course, "lecture", "alpha", "--budget", "full", "--backend", "numpy") == 0
    folder = Path("minigrad-tour", "alpha")
    assert sorted(path.name for path in folder.iterdir()) == ["draw.png", "index.html"]
    assert not Path("minigrad-tour", "index.html").exists()
    assert "<td>2</td>" in (folder / "index.html").read_text()


def test_lectures_lists_names_titles_and_steps_and_those_that_cannot_be_imported(course, capsys):
    course("alpha")
    course("broken", order=0, more="import no_such_module_here\n")
    assert run(course, "lectures") == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split(maxsplit=2) == ["alpha", "1", "The alpha lecture"]
    assert "cannot be imported: ModuleNotFoundError" in second


# What fails


def test_one_failing_lecture_does_not_lose_the_others(course, capsys):
    course("alpha", order=1, more=BAD_STEP)
    course("beta", order=2)
    course("gamma", order=3, more="import no_such_module_here\n")
    course("delta", order=4, more="# %% [markdown]\n# A wrong formula: $\\nonsense$.\n")
    assert run(course, "tour") == 1
    printed = capsys.readouterr()
    text = Path("minigrad-tour", "index.html").read_text()
    assert "ZeroDivisionError: a bug" in text
    assert "No module named &#x27;no_such_module_here&#x27;" in text
    assert "the formula $\\nonsense$ cannot be drawn" in text
    assert "The beta lecture" in text
    assert "Traceback" in printed.err
    assert "beta: 1 step" in printed.out
    assert "alpha: stopped with ZeroDivisionError after 1 step" in printed.out


def test_an_unknown_lecture_offers_the_nearest(course, capsys):
    course("attacks")
    assert_refused(capsys, run(course, "lecture", "atacks"), "no lecture 'atacks'; did you mean attacks?")
    assert_refused(capsys, run(course, "lecture", "zzz"), "see: minigrad lectures")
    assert not Path("minigrad-tour").exists()


@pytest.mark.parametrize("command", [["tour"], ["lecture", "alpha"]])
@pytest.mark.parametrize("taken", ["out", "out/alpha", "out/below"])
def test_a_file_in_the_way_is_named_before_computing(course, capsys, command, taken):
    course("alpha", more="raise_if_run = story.step(lambda run: 1 / 0)\n")
    Path(taken).parent.mkdir(exist_ok=True)
    Path(taken).write_text("mine")
    out = "out/below/deep" if taken == "out/below" else "out"
    assert_refused(capsys, run(course, *command, "--out", out), "choose another with --out")
    assert Path(taken).read_text() == "mine"


def test_a_folder_where_the_page_belongs_is_named(course, capsys):
    course("alpha")
    Path("out", "index.html").mkdir(parents=True)
    assert_refused(capsys, run(course, "tour", "--out", "out"), "index.html is a folder, where the page belongs")


def test_a_folder_without_permission_is_named(course, capsys, monkeypatch):
    course("alpha")

    def refuse(*arguments, **settings):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("lectures.telling.files.tempfile.TemporaryFile", refuse)
    assert_refused(capsys, run(course, "tour", "--out", "out"), "cannot write to the folder out: Permission denied")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tour", "--seed", "-1"], "the seed must be zero or a positive integer, and is '-1'"),
        (["tour", "--seed", "x"], "the seed must be"),
        (["tour", "--budget", "huge"], "invalid choice"),
        (["tour", "--out", ""], "give the name of a folder"),
        (["lecture"], "required"),
        (["journey"], "invalid choice"),
        (["tour", "--backend", "abacus"], "unknown backend 'abacus'"),
    ],
)
def test_wrong_words_are_refused(course, capsys, words, message):
    course("alpha")
    assert_refused(capsys, run(course, *words), message)
    assert not Path("minigrad-tour").exists()


@pytest.fixture
def wrong_backend(monkeypatch):
    monkeypatch.setenv("MINIGRAD_BACKEND", "abacus")
    token = backend.active.set(None)
    yield
    backend.active.reset(token)


def test_a_wrong_variable_is_refused_before_computing(course, capsys, wrong_backend):
    course("alpha")
    assert_refused(capsys, run(course, "tour"), "unknown backend 'abacus'")
    assert not Path("minigrad-tour").exists()


def test_a_course_without_lectures_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(capsys, main(["tour"], package="email"), "the package 'email' holds no lectures")
    assert list(tmp_path.iterdir()) == []


# Ctrl-C


def test_an_interruption_keeps_what_was_finished(course, tmp_path):
    marker = tmp_path / "waiting"
    course("alpha", order=1)
    course("beta", order=2, more=SLOW_STEP.format(marker=str(marker)))
    # A shell may start background jobs with SIGINT ignored, and a child inherits that.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"from minigrad.cli import main; sys.exit(main(['tour', '--out', 'here'], package={course.package!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert "stopped; finished: alpha in here" in errors
    assert "Traceback" not in errors
    text = (tmp_path / "here" / "index.html").read_text()
    assert "The alpha lecture" in text
    assert "This lecture was stopped before its end." in text
    assert "<h1>The minigrad tour</h1>" in text
    assert (tmp_path / "here" / "alpha" / "draw.png").is_file()


# The ledger, the doctor


@pytest.fixture
def ledger(monkeypatch):
    def main_table(topic=None):
        if topic not in (None, "attacks"):
            raise ValueError(f"no topic {topic!r}")
        return f"the table of {topic}"

    module = type(sys)("lectures.ledger")
    module.main_table = main_table
    monkeypatch.setitem(sys.modules, "lectures.ledger", module)


def test_the_ledger_is_printed(ledger, capsys):
    assert main(["ledger"]) == 0
    assert main(["ledger", "--topic", "attacks"]) == 0
    assert capsys.readouterr().out == "the table of None\nthe table of attacks\n"


def test_an_unknown_topic_is_refused(ledger, capsys):
    assert_refused(capsys, main(["ledger", "--topic", "zzz"]), "no topic 'zzz'")


def test_a_missing_room_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "lectures.ledger", None)
    assert_refused(capsys, main(["ledger"]), "lectures.ledger is missing from this installation")


def test_the_doctor_names_what_matters(capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for name in ("Python", "numpy", "BLAS", "CPUs", "OMP_NUM_THREADS", "MINIGRAD_BACKEND", "cupy", "bench"):
        assert f"  {name} " in text
    assert "OMP_NUM_THREADS        3" in text


def test_the_doctor_finds_a_wrong_backend_and_missing_extras(capsys, monkeypatch, wrong_backend):
    monkeypatch.setattr(cli, "_version", lambda name: None if name == "torch" else "1.0")
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "abacus: not usable: unknown backend 'abacus'" in text
    assert "missing torch; pip install 'minigrad-lectures[bench]'" in text


def test_the_doctor_knows_the_extras_of_the_project():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {extra: tuple(item.partition(">")[0] for item in declared[extra]) for extra in cli.EXTRAS}
    assert names == cli.EXTRAS


def test_the_package_runs_as_a_module(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "minigrad", "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "minigrad 0.1.0\n", "")


def test_nothing_in_minigrad_imports_the_lectures():
    code = (
        "import sys, minigrad.cli;"
        "print([name for name in sys.modules if name.split('.')[0] in ('lectures', 'matplotlib')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
