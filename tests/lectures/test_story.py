"""A story runs its steps in order, keeps text and results in the order of the file, and is quiet when imported."""

import importlib
import os
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from lectures.telling import Run, Story, figure
from lectures.telling.cells import cells
from lectures.telling.files import OutputError, writable_folder, write_file
from lectures.telling.style import COLORS, use_style

LECTURE = '''\
# %% [markdown]
# # A small lecture
# It has $x^2$ in its text.
# %%
from lectures.telling import Story, figure

story = Story(__name__, order=3)
# %% [markdown]
# ## The first part
# %%
@story.step
def draw(run):
    """Draw a line."""
    fig = figure(3, 2)
    fig.subplots().plot(run.rng("line").random(run.scaled(4, 40)))
    run.results["count"] = run.scaled(4, 40)
    return fig
# %% [markdown]
# ## The second part
# %%
@story.step
def count(run):
    run.number("points", run.results["count"], "{:d}")
# %% [markdown]
# The end.
# %%
if __name__ == "__main__":
    story.main()
'''


@pytest.fixture
def lecture(tmp_path, monkeypatch):
    """Write the small lecture as a package of its own and give its module name."""
    package = f"course_{tmp_path.name}".replace("-", "_")
    folder = tmp_path / package / "small"
    folder.mkdir(parents=True)
    (folder / "lecture.py").write_text(LECTURE)
    monkeypatch.syspath_prepend(tmp_path)
    yield f"{package}.small.lecture"
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


@pytest.fixture
def story(lecture):
    return importlib.import_module(lecture).story


def test_cells_know_their_kind_their_text_and_their_lines():
    found = cells('"""Docstring."""\n# %% [markdown]\n# # Title\n#\n# Text\n# %% named\nx = 1\n# %%time\n')
    assert [(cell.kind, cell.source) for cell in found] == [
        ("markdown", "# Title\n\nText"),
        ("code", "x = 1\n# %%time"),
    ]
    assert [(cell.first, cell.last) for cell in found] == [(2, 5), (6, 8)]


def test_importing_computes_nothing_and_draws_nothing(story, capsys):
    assert [step.__name__ for step in story.steps] == ["draw", "count"]
    assert (story.name, story.title, story.order) == ("small", "A small lecture", 3)
    assert capsys.readouterr() == ("", "")


def test_the_report_follows_the_order_of_the_file(story):
    report = story.run()
    shown = [getattr(part, "name", None) or part.markdown.splitlines()[0] for part in report.parts]
    expected = ["# A small lecture", "## The first part", "draw", "## The second part", "count", "The end."]
    assert shown == expected


def test_steps_hand_results_on_and_report_numbers_and_code(story):
    draw, count = story.run(budget="full").steps
    assert [(number.name, number.value, number.text) for number in count.numbers] == [("points", 40, "40")]
    assert draw.source.startswith("@story.step\ndef draw(run):")
    assert "def count" not in draw.source
    assert draw.figures[0].caption == "Draw a line."


def test_figures_are_saved_and_the_same_run_draws_the_same_bytes(story, tmp_path):
    first = story.run(out=tmp_path / "a").figures[0]
    second = story.run(out=tmp_path / "b").figures[0]
    other = story.run(seed=1).figures[0]
    assert first.file == tmp_path / "a" / "draw.png"
    assert first.file.read_bytes() == first.png == second.png
    assert other.png != first.png
    assert other.file is None


def test_progress_names_each_step_before_it_runs(story):
    names = []
    story.run(progress=names.append)
    assert names == ["draw", "count"]


def test_a_failing_step_leaves_what_came_before(story):
    @story.step
    def fail(run):
        raise ZeroDivisionError("too bad")

    report = story.start()
    with pytest.raises(ZeroDivisionError, match="too bad"):
        list(story.play(report))
    assert [step.name for step in report.steps] == ["draw", "count"]


def test_random_numbers_follow_from_seed_and_name():
    draws = {(seed, name): Run(seed=seed).rng(name).random(3) for seed in (0, 1) for name in ("a", "b", "ab")}
    assert len({tuple(draw) for draw in draws.values()}) == 6
    assert np.array_equal(draws[1, "ab"], Run(seed=1).rng("ab").random(3))


@pytest.mark.parametrize(
    ("settings", "message"), [({"seed": -1}, "the seed must be"), ({"budget": "huge"}, "fast and")]
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Run(**settings)


def test_a_missing_result_says_what_to_do():
    with pytest.raises(KeyError, match="no earlier step left a result 'model'"):
        Run().results["model"]


def test_a_step_may_return_only_a_figure():
    with pytest.raises(TypeError, match=r"'wrong' returned a dict.*run\.results"):
        Run().perform(named("wrong", lambda run: {}))


def test_a_figure_that_is_both_reported_and_returned_appears_once():
    result = Run().perform(named("draw", lambda run: run.figure(figure(2, 1), "once", caption="Here.")))
    assert [(picture.name, picture.caption) for picture in result.figures] == [("once", "Here.")]


@pytest.mark.parametrize("second", ["same_step", "other_step"])
def test_two_figures_of_one_name_are_refused(second):
    run = Run()

    def draw(run):
        run.figure(figure(2, 1), "twin")
        if second == "same_step":
            run.figure(figure(2, 1), "twin")

    if second == "other_step":
        run.perform(named("same_step", draw))
    with pytest.raises(ValueError, match="two figures are named 'twin'"):
        run.perform(named(second, draw))


def test_only_figures_are_figures():
    with pytest.raises(TypeError, match="must be a matplotlib Figure, and is a list"):
        Run().figure([figure(2, 1)])


def test_figures_of_pyplot_are_closed():
    from matplotlib import pyplot

    Run().perform(named("draw", lambda run: pyplot.figure(figsize=(2, 1))))
    assert pyplot.get_fignums() == []


def test_two_steps_of_one_name_are_refused(story):
    with pytest.raises(ValueError, match="two steps are named 'draw'"):
        story.step(named("draw", lambda run: None))


def named(name, step):
    step.__name__ = name
    return step


# As a script


def test_as_a_script_it_runs_and_saves(lecture, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lecture.py", "--budget", "full", "--out", "here"])
    runpy.run_module(lecture, run_name="__main__", alter_sys=True)
    assert "points: 40" in capsys.readouterr().out
    assert [file.name for file in (tmp_path / "here").iterdir()] == ["draw.png"]


def test_its_path_runs_headless_in_a_process_of_its_own(story, tmp_path):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(story.file), "--out", str(tmp_path / "here")],
        env={**os.environ, "PYTHONPATH": str(root), "DISPLAY": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "draw.png").is_file()


def test_a_script_with_a_wrong_folder_says_so_before_it_computes(story, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SystemExit, match="taken is a file, and a folder is needed"):
        story.main(["--out", str(tmp_path / "taken")])


def test_a_script_refuses_a_negative_seed(story, capsys):
    with pytest.raises(SystemExit):
        story.main(["--seed", "-3"])
    assert "the seed must be zero or a positive integer" in capsys.readouterr().err


# In a notebook


def test_in_a_notebook_each_step_runs_at_once_and_shows_its_figure(shell, capsys):
    story = Story("__main__")
    story.step(named("first", lambda run: run.results.update(n=2)))

    @story.step
    def second(run):
        run.number("n", run.results["n"])
        return figure(3, 1)

    (data, metadata), *others = shell.shown
    assert set(data) == {"image/png", "text/plain"}
    assert metadata == {"image/png": {"width": 288}}
    assert others == []
    assert capsys.readouterr().out == "n: 2\n"


def test_in_a_notebook_a_cell_can_run_again_and_main_does_nothing(shell, capsys):
    story = Story("__main__")
    for _ in range(2):
        story.step(named("draw", lambda run: figure(2, 1)))
    story.main()
    assert len(story.steps) == 1
    assert len(shell.shown) == 2
    assert capsys.readouterr().out == ""


def test_an_import_inside_a_notebook_only_registers(shell, lecture):
    importlib.import_module(lecture)
    assert shell.shown == []


# Folders and style


def test_a_folder_is_made_with_its_parents(tmp_path):
    assert writable_folder(tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        writable_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot write to the folder"):
        writable_folder(tmp_path / "file" / "below")


def test_a_file_that_cannot_be_written_leaves_no_half(tmp_path):
    (tmp_path / "page.html").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*page\.html"):
        write_file(tmp_path / "page.html", b"text")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_the_style_holds_inside_and_leaves_no_trace(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 3.0)
    before = dict(matplotlib.rcParams)
    with use_style():
        assert matplotlib.rcParams["font.size"] == 10
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"] == list(COLORS)
    assert dict(matplotlib.rcParams) == before


def test_figures_are_drawn_without_a_window_and_with_legible_labels():
    with use_style():
        fig = figure(6.5, 3)
        axes = fig.subplots()
        axes.set_xlabel("x")
    assert isinstance(fig, Figure)
    assert type(fig.canvas).__name__ == "FigureCanvasAgg"
    assert min(label.get_fontsize() for label in [axes.xaxis.label, *axes.get_xticklabels()]) >= 9
    assert not axes.spines["top"].get_visible()
    assert not axes.spines["right"].get_visible()
