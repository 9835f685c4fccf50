"""The benchmark runner: who is checked, who is timed, and what the table says. Times themselves are not tested."""

import json
from pathlib import Path

import numpy
import pytest

from benchmarks import runner
from benchmarks.report import spread, table
from benchmarks.worker import load

WORKLOAD = '''
"""A sum of squares.

With contenders of every kind.
"""

import numpy

from benchmarks import Contender

UNIT = ("element", 3)
TOLERANCE = 1e-6
MEMORY = True


def problem(seed):
    return {"x": numpy.random.default_rng(seed).standard_normal(3)}


def right(x):
    return lambda: ((x * x).sum(), 2.0 * x)


def large(x):
    def step():
        numpy.ones(3 << 20).sum()
        return (x * x).sum(), 2.0 * x

    return step


def off_by_a_little(x):
    return lambda: ((x * x).sum(), 2.0 * x + 1e-5)


def not_a_number(x):
    return lambda: ((x * x).sum(), x * numpy.nan)


def other_precision(x):
    return lambda: ((x * x).sum(), (2.0 * x).astype("float32"))


def forgetful(x):
    return lambda: ((x * x).sum(),)


def drifting(x):
    calls = []

    def step():
        calls.append(None)
        return (x * x).sum() * (1.0 + (len(calls) > 1)), 2.0 * x

    return step


def missing(x):
    import a_library_that_does_not_exist.with_a_part

    return right(x)


def broken(x):
    raise ValueError("does not start")


def mortal(x):
    calls = []

    def step():
        calls.append(None)
        if len(calls) > 3:
            raise SystemExit(7)
        return (x * x).sum(), 2.0 * x

    return step


CONTENDERS = [
    Contender("by hand", right),
    Contender("right", right, like="by hand", targets={"by hand": 1e9, "missing": 2.0}, memory={"missing": 2.0}),
    Contender("large", large, like="by hand", memory={"large": 0.5}),
    Contender("unchecked", forgetful),
    Contender("off by a little", off_by_a_little, like="by hand"),
    Contender("not a number", not_a_number, like="by hand"),
    Contender("other precision", other_precision, like="by hand"),
    Contender("forgetful", forgetful, like="by hand"),
    Contender("drifting", drifting, like="by hand"),
    Contender("missing", missing, like="by hand"),
    Contender("broken", broken, like="by hand"),
    Contender("like the broken", right, like="broken"),
    Contender("mortal", mortal, like="by hand"),
]
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("workloads") / "squares.py"
    path.write_text(WORKLOAD)
    result = runner.measure(path, rounds=2, threads=1)
    return result, table(path, result)


def test_only_right_contenders_are_timed(made):
    result, _ = made
    assert set(result["seconds"]) == {"by hand", "right", "large", "unchecked"}
    for seconds in result["seconds"].values():
        assert len(seconds) == 2
        assert min(seconds) > 0


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("off by a little", "WRONG: gradient 1 deviates by"),
        ("not a number", "WRONG: gradient 1 deviates by nan"),
        ("other precision", "WRONG: gradient 1 is float32[3], not float64[3]"),
        ("forgetful", "WRONG: its step returns 1 values, not 2"),
        ("drifting", "WRONG: loss 2 deviates by 1.0e+00, allowed 1e-06"),
        ("missing", "not installed: pip install a_library_that_does_not_exist"),
        ("broken", "failed: ValueError: does not start"),
        ("like the broken", "not timed, because there is no broken to check it against"),
        ("mortal", "failed: its process ended with code 7"),
    ],
)
def test_others_are_a_line_that_says_why(made, name, line):
    result, text = made
    assert result["status"][name].startswith(line)
    assert any(row.startswith(f"| {name} | {line}") for row in text.splitlines())


def test_table(made):
    _, text = made
    lines = text.splitlines()
    assert lines[0] == "### squares: A sum of squares."
    assert "median per element" in lines[2]
    assert "× by hand, target ≤ 1000000000.0: met" in text
    assert "? × missing, target ≤ 2.0: not measured" in text
    assert len({line.count("|") for line in lines[2:]}) == 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_counts_what_the_steps_take(made):
    result, text = made
    taken = result["bytes"]
    assert 23 << 20 <= taken["large"] - taken["right"] < 30 << 20
    assert "? × the memory of missing, target ≤ 2.0: not measured" in text
    assert "1.00 × the memory of large, target ≤ 0.5: MISSED" in text
    assert "| peak memory |" in text


def test_spread():
    assert spread([float(i) for i in range(11)]) == (5.0, 1.0, 9.0)


@pytest.mark.parametrize("name", runner.WORKLOADS)
def test_workload_file_is_complete(name):
    workload = load(runner.WORKLOADS[name])
    assert workload.__doc__
    names = [contender.name for contender in workload.CONTENDERS]
    assert len(set(names)) == len(names)
    for contender in workload.CONTENDERS:
        assert contender.like is None or contender.like in names
        assert set(contender.targets | contender.memory) <= set(names)
    first, again, other = (workload.problem(seed) for seed in (0, 0, 1))
    assert all(same(first[key], again[key]) for key in first)
    assert not all(same(first[key], other[key]) for key in first)


def same(left, right):
    if isinstance(left, list | tuple):
        return all(same(a, b) for a, b in zip(left, right, strict=True))
    return numpy.array_equal(left, right)


@pytest.mark.slow
@pytest.mark.parametrize("name", runner.WORKLOADS)
def test_command(name, capsys, tmp_path):
    file = tmp_path / "rounds.json"
    runner.main(["--only", name, "--rounds", "1", "--json", str(file)])
    text = capsys.readouterr().out
    written = json.loads(file.read_text())["workloads"][name]
    assert f"python -m benchmarks --only {name} --rounds 1" in text
    assert "numpy" in text
    for status in written["status"].values():
        assert status == "ok" or status.startswith("not installed")
    for contender, seconds in written["seconds"].items():
        assert len(seconds) == 1, contender


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--rounds", "0"], ["--threads", "0"]])
def test_bad_command_line(arguments, capsys):
    with pytest.raises(SystemExit):
        runner.main(arguments)
    assert "error" in capsys.readouterr().err
