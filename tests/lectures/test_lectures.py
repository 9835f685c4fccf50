"""What holds for every lecture: it runs as a script, as a notebook, and the same way twice."""

import importlib
import runpy
import subprocess
import sys

import pytest

from lectures.telling.catalogue import names
from lectures.telling.page import page
from lectures.telling.section import section

every_lecture = pytest.mark.parametrize("name", names())


def story_of(name):
    return importlib.import_module(f"lectures.{name}.lecture").story


@every_lecture
def test_importing_a_lecture_computes_and_prints_nothing(name):
    code = f"import lectures.{name}.lecture, sys; assert 'matplotlib.pyplot' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == run.stderr == ""


@every_lecture
def test_in_a_notebook_each_cell_runs_with_what_the_cells_above_it_defined(name, shell, capsys):
    story = story_of(name)
    runpy.run_path(str(story.file), run_name="__main__")
    assert len(shell.shown) >= 1
    assert capsys.readouterr().out


@every_lecture
def test_the_same_seed_gives_the_same_numbers_and_figures(name, tmp_path):
    first, second = (story_of(name).run("fast", seed=3) for _ in range(2))
    assert [step.numbers for step in first.steps] == [step.numbers for step in second.steps]
    assert [picture.png for picture in first.figures] == [picture.png for picture in second.figures]
    assert {picture.name for picture in first.figures}
    assert "data:image/png;base64" in page("Lecture", [section(first)], [first])
