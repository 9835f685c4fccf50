"""The benchmark runner: who is checked, who is timed, and what the table says. Times themselves are not tested."""

import functools
import json
import math
import os
from pathlib import Path

import numpy
import pytest

import minigrad as mg
from benchmarks import Contender, Measured, Run, report, runner
from benchmarks.machine import cores
from benchmarks.report import duration, slope, spread, table
from benchmarks.worker import SEED, load, seconds_per_step, start
from minigrad.backend import load as load_backend
from tests import fake_device

fake_device.install()

WORKLOAD = '''
"""A sum of squares.

With contenders of every kind.
"""

import os

import numpy

from benchmarks import Contender, devices

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



def noisy(x):
    print("what stands on standard output")
    os.write(1, b"must not be taken for an answer")
    return right(x)


def off_by_a_little(x):
    return lambda: ((x * x).sum(), 2.0 * x + 1e-5)


def not_a_number(x):
    return lambda: ((x * x).sum(), x * numpy.nan)


def other_precision(x):
    return lambda: ((x * x).sum(), (2.0 * x).astype("float32"))


def forgetful(x):
    return lambda: ((x * x).sum(),)


def silent(x):
    return lambda: None


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
    raise ValueError("does | not\\nstart")


def endless(x):
    return endless(x)


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
    Contender("large", large, like="by hand", targets={"by hand": 1e-9}, memory={"by hand": 1.0, "large": 1.0}),
    Contender("noisy", noisy, like="by hand"),
    Contender("unchecked", forgetful),
    Contender("off by a little", off_by_a_little, like="by hand"),
    Contender("not a number", not_a_number, like="by hand"),
    Contender("other precision", other_precision, like="by hand"),
    Contender("forgetful", forgetful, like="by hand"),
    Contender("silent", silent, like="by hand"),
    Contender("drifting", drifting, like="by hand"),
    Contender("missing", missing, like="by hand"),
    Contender("not installed", right, like="by hand", library="another_library_that_does_not_exist"),
    Contender("broken", broken, like="by hand"),
    Contender("endless", endless, like="by hand"),
    Contender("like the broken", right, like="broken"),
    Contender("mortal", mortal, like="by hand"),
]
'''

GROWING = '''
"""A square root for each number."""

import numpy

from benchmarks import Contender

GROWS = {"rows": (1, 3), "columns": (2, 4, 64)}
UNIT = ("root", 1)
ROUNDS = 2
TOLERANCE = 1e-9


def problem(seed, rows=2, columns=2):
    return {"x": numpy.full((rows, columns), 4.0)}


def right(x):
    kept = []

    def step():
        kept.append(numpy.ones(x.size << 12))
        return x.size, numpy.sqrt(x)

    return step


def small(x):
    if x.size > 6:
        raise MemoryError("too much of it")
    return right(x)


def missing(x):
    import a_library_that_does_not_exist

    return right(x)


CONTENDERS = [
    Contender("by hand", right),
    Contender("small", small, like="by hand"),
    Contender("asked for little", right, like="by hand", largest=4),
    Contender("missing", missing, like="by hand"),
]
'''

ALONE = '''
"""One contender that does nothing."""

from benchmarks import Contender

UNIT = ("step", 1)
TOLERANCE = 0.0


def problem(seed):
    return {}


CONTENDERS = [Contender("nothing", lambda: lambda: None)]
'''

IMPORTS = {"minigrad": "minigrad", "PyTorch": "torch", "autograd": "autograd", "MyGrad": "mygrad", "JAX": "jax"}
CORES = cores()
LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workloads")
    texts = {"squares": WORKLOAD, "roots": GROWING, "alone": ALONE}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return {name: folder / f"{name}.py" for name in texts}


# A workload of one size


@pytest.fixture(scope="module")
def made(paths):
    run = runner.measure(paths["squares"], rounds=2, threads=1)
    return run.results, table("squares", load(paths["squares"]), [run])


def test_only_right_contenders_are_timed(made):
    results, _ = made
    timed = {name: came.seconds for name, came in results.items() if came.seconds}
    assert set(timed) == {"by hand", "right", "large", "noisy", "unchecked"}
    for name, seconds in timed.items():
        assert results[name].status == "ok"
        assert len(seconds) == 2
        assert min(seconds) > 0


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("off by a little", "WRONG: gradient 1 deviates by"),
        ("not a number", "WRONG: gradient 1 deviates by nan"),
        ("other precision", "WRONG: gradient 1 is float32[3], not float64[3]"),
        ("forgetful", "WRONG: its step returns 0 gradients, not 1"),
        ("silent", "WRONG: loss 1 deviates by nan"),
        ("drifting", "WRONG: loss 2 deviates by 1.0e+00, allowed 1e-06"),
        ("missing", "not installed: pip install a_library_that_does_not_exist"),
        ("not installed", "not installed: pip install another_library_that_does_not_exist"),
        ("broken", "failed: ValueError: does"),
        ("endless", "failed: RecursionError: maximum recursion depth exceeded"),
        ("like the broken", "not timed, because there is no broken to check it against"),
        ("mortal", "failed: its process ended with code 7"),
    ],
)
def test_others_are_a_line_that_says_why(made, name, line):
    results, text = made
    assert results[name].status.startswith(line)
    assert any(row.startswith(f"| {name} | {line}") for row in text.splitlines())


def test_table(made):
    _, text = made
    lines = text.splitlines()
    assert lines[0] == "### squares: A sum of squares."
    assert "median per element" in lines[2]
    assert "| first step | memory of the process | beyond the library | target |" in lines[2]
    assert "× by hand, target ≤ 1000000000.0: met" in text
    assert "× by hand, target ≤ 1e-09: MISSED" in text
    assert "? × missing, target ≤ 2.0: not measured" in text
    assert len({line.count("|") for line in lines[2:]}) == 1


@LINUX
def test_memory_is_that_of_the_process_and_what_came_after_the_start(made):
    results, text = made
    for field in ("process", "beyond"):
        taken = getattr(results["large"], field) - getattr(results["right"], field)
        assert 23 << 20 <= taken < 30 << 20
    assert results["right"].process > 10 << 20
    assert "? × the memory of missing, target ≤ 2.0: not measured" in text
    assert "× the memory of by hand, target ≤ 1.0: MISSED" in text
    assert "1.00 × the memory of large, target ≤ 1.0: met" in text


def test_memory_of_the_problem_is_not_beyond_the_library():
    kept = numpy.ones(3 << 20)
    _, known = start(Contender("nothing", lambda x: lambda: None), {"x": kept})
    assert known["beyond"] < 12 << 20


def test_the_first_step_counts_what_is_done_once():
    done = []

    def make():
        done.append("once")
        return lambda: (done.append("step") or 1.0, numpy.ones(2))

    step, known = start(Contender("counting", make), {})
    assert done == ["once", "step", "step", "step"]
    assert [float(loss) for loss in known["losses"]] == [1.0, 1.0, 1.0]
    assert len(known["gradients"]) == 1
    assert known["first_step"] > 0.0
    assert callable(step)


def test_what_a_step_returned_is_copied():
    gradient = numpy.zeros(2)

    def step():
        gradient[...] += 1.0
        return gradient[0], gradient

    _, known = start(Contender("reusing", lambda: step), {})
    assert [float(loss) for loss in known["losses"]] == [1.0, 2.0, 3.0]
    assert known["gradients"][0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("at_least", "calls"), [(0.0, 1), (math.inf, None)])
def test_a_step_that_fills_the_turn_is_taken_once(at_least, calls):
    taken = []

    def step():
        taken.append(None)
        if len(taken) == 50:
            raise StopIteration

    if calls is None:
        with pytest.raises(StopIteration):
            seconds_per_step(step, at_least)
        assert len(taken) == 50
    else:
        assert seconds_per_step(step, at_least) > 0.0
        assert len(taken) == calls


# Sizes that grow


def test_growing_sizes_are_tables_of_their_own(paths):
    workload = load(paths["roots"])
    assert runner.sizes(workload) == [{"rows": 1}, {"rows": 3}, {"columns": 2}, {"columns": 4}, {"columns": 64}]
    runs = [runner.measure(paths["roots"], 5, 1, size=size) for size in runner.sizes(workload)]
    for run in runs:
        assert len(run.results["by hand"].seconds) == 2  # ROUNDS
    status = [[run.results[name].status for run in runs] for name in ("small", "asked for little")]
    assert status[0] == ["ok", "ok", "ok", "failed: MemoryError: too much of it", "failed: MemoryError: too much of it"]
    assert status[1] == ["ok", "ok", "ok", "ok", "left out"]

    text = table("roots", workload, runs)
    assert "Time per root (× by hand) by rows:" in text
    assert "Peak memory beyond the library by columns:" in text
    tables = text.split("\n\n")[2::2]
    assert [part.splitlines()[0] for part in tables[::2]] == [
        "| contender | 1 | 3 | slope | slope at the end |",
        "| contender | 2 | 4 | 64 | slope | slope at the end |",
    ]
    for part in tables:
        lines = part.splitlines()
        assert len(lines) == 2 + 4
        assert len({line.count("|") for line in lines}) == 1
        assert lines[-1].startswith("| missing | not installed: pip install a_library_that_does_not_exist |  |")
    assert "| left out |" in tables[2]
    assert tables[2].count("MemoryError") == 2


def grown(seconds, sizes):
    """Give runs of one contender with known times."""
    return [
        Run("numpy", {"n": size}, "it", {"it": Measured("ok", beyond=size**2, seconds=[value])})
        for size, value in zip(sizes, seconds, strict=True)
    ]


def test_slopes_of_known_growth(paths):
    workload = load(paths["roots"])
    workload.GROWS = {"n": (10, 100, 1000)}
    text = report.growth(workload, grown([0.1, 1.0, 100.0], workload.GROWS["n"]))
    times, memory = (line for line in text if line.startswith("| it"))
    assert times.endswith("| 100.00 ms (× 1.00) | 1.00 s (× 1.00) | 100.00 s (× 1.00) | 1.50 | 2.00 |")
    assert memory.endswith("| 2.00 | 2.00 |")


def test_slope():
    assert slope([(1, 3.0), (10, 30.0), (100, 300.0)]) == "1.00"
    assert slope([(2, 8.0), (4, 32.0)]) == "2.00"
    assert slope([(2, 8.0)]) == ""


# Parts


def test_spread():
    assert spread([float(i) for i in range(11)]) == (5.0, 1.0, 9.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2.00 s"), (0.0123, "12.30 ms"), (1e-3, "1.00 ms"), (4.5e-7, "0.45 µs")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("backend", ["numpy", "cupy"])
def test_a_table_of_known_numbers(paths, backend):
    workload = load(paths["squares"])
    workload.CONTENDERS = [
        Contender("base", lambda: None),
        Contender("it", lambda: None, targets={"base": 2.5}, memory={"base": 1.25}),
    ]
    results = {
        "base": Measured("ok", first_step=0.5, process=40 << 20, beyond=10 << 20, seconds=[0.3, 0.6, 0.9]),
        "it": Measured("ok", first_step=2.0, process=60 << 20, beyond=5 << 20, seconds=[0.6, 1.2, 2.7]),
    }
    base, it = table("squares", workload, [Run(backend, {}, "base", results)]).splitlines()[-2:]
    assert base == "| base | 200.00 ms | 120.00 ms–280.00 ms | 1.00 (1.00–1.00) | 500.00 ms | 40 MiB | 10.0 MiB |  |"
    outcomes = "2.00 (2.00–2.80) × base, target ≤ 2.5: met<br>1.50 × the memory of base, target ≤ 1.25: MISSED"
    expected = "| it | 400.00 ms | 240.00 ms–800.00 ms | 2.00 (2.00–2.80) | 2.00 s | 60 MiB | 5.0 MiB |"
    assert it == f"{expected} {outcomes if backend == 'numpy' else ''} |"


@pytest.mark.parametrize(("wanted", "outcome"), [(0.75, "met"), (0.25, "MISSED")])
def test_a_difference_is_written_in_seconds(wanted, outcome):
    contender = Contender("it", lambda: None, targets={"base": wanted})
    results = {"base": Measured("ok", seconds=[1.0, 1.25, 1.5]), "it": Measured("ok", seconds=[1.5, 1.75, 2.0])}
    lines = report.outcomes(contender, Run("numpy", {}, "base", results), difference=True)
    assert lines == [f"+0.500 s (0.500–0.500) over base, target ≤ {wanted} s: {outcome}"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell")
def test_a_process_is_given_as_many_cores_as_threads():
    for count in (1, 2, 10**6):
        with runner.only_cores(count):
            assert cores() == min(count, CORES)
        assert cores() == CORES


# The GPU


def test_with_cupy_those_take_part_that_can_and_the_first_is_the_reference():
    def make():
        raise AssertionError

    contenders = [
        Contender("gradient by hand", make),
        Contender("gradient", make, like="gradient by hand", gpu=True),
        Contender("product by hand", make),
        Contender("product", make, like="product by hand", gpu=True),
        Contender("product, torch", make, like="product by hand", gpu=True),
        Contender("like the first", make, like="gradient", gpu=True),
        Contender("unchecked", make, gpu=True),
    ]
    reasons = [runner.excluded(contender, "cupy", {}) for contender in contenders]
    assert [name.name for name, reason in zip(contenders, reasons, strict=True) if reason] == [
        "gradient by hand",
        "product by hand",
    ]
    assert set(filter(None, reasons)) == {"runs on the CPU only"}
    likes = [c.like for c in runner.checked_among([c for c in contenders if c.gpu])]
    assert likes == [None, None, "product", "gradient", None]
    assert runner.checked_among(contenders) == contenders


def test_without_a_gpu_the_lines_say_so():
    try:
        load_backend("cupy")
    except mg.BackendError as error:
        reason = str(error)
    else:
        pytest.skip("there is a GPU")
    path = runner.WORKLOADS["per_operation"]
    run = runner.measure(path, rounds=1, threads=1, backend="cupy")
    assert run.base == "minigrad, Tensor.backward"
    assert run.results["NumPy by hand"].status == "runs on the CPU only"
    assert run.results["minigrad, Tensor.backward"].status == f"cannot run: {reason}"
    assert run.results["PyTorch"].status.startswith(("cannot run: PyTorch", "not installed"))
    text = table("per_operation", load(path), [run])
    assert "× minigrad, Tensor.backward" in text
    assert "target ≤" not in text


# The workloads


@pytest.mark.parametrize("name", runner.WORKLOADS)
def test_workload_file_is_complete(name):
    workload = load(runner.WORKLOADS[name])
    assert workload.__doc__
    assert workload.UNIT[1] >= 1
    names = [contender.name for contender in workload.CONTENDERS]
    assert len(set(names)) == len(names)
    for contender in workload.CONTENDERS:
        assert contender.like is None or contender.like in names
        assert set(contender.targets | contender.memory) <= set(names)
        expected = next((module for word, module in IMPORTS.items() if word in contender.name), "numpy")
        assert contender.library.partition(".")[0] == expected, "it is imported before memory is counted"
        assert not contender.gpu or expected in ("minigrad", "torch")
    for size in runner.sizes(workload):
        first, again, other = (workload.problem(seed, **size) for seed in (0, 0, 1))
        assert all(same(first[key], again[key]) for key in first)
        assert not first or not all(same(first[key], other[key]) for key in first)


def same(left, right):
    if isinstance(left, list | tuple):
        return all(same(a, b) for a, b in zip(left, right, strict=True))
    return numpy.array_equal(left, right)


@functools.cache
def started(name, contender, backend):
    """Take a contender's first steps in this process, at the smallest size."""
    workload = load(runner.WORKLOADS[name])
    found = next(c for c in workload.CONTENDERS if c.name == contender)
    with mg.use(backend):
        return start(found, workload.problem(SEED, **runner.sizes(workload)[0]))[1]


def minigrads(backend):
    """List minigrad's contenders that can be checked on a backend: by hand, or against themselves on NumPy."""
    listed = []
    for name, path in runner.WORKLOADS.items():
        for contender in load(path).CONTENDERS:
            if contender.library == "minigrad" and (contender.like if backend == "numpy" else contender.gpu):
                like = contender.like or contender.name
                listed.append(pytest.param(name, contender.name, like, id=f"{name}-{contender.name}"))
    return listed


@pytest.mark.parametrize(("name", "contender", "like"), minigrads("numpy"))
def test_minigrad_agrees_with_the_hand_written_step(name, contender, like):
    tolerance = load(runner.WORKLOADS[name]).TOLERANCE
    assert runner.difference(started(name, contender, "numpy"), started(name, like, "numpy"), tolerance) is None


@pytest.mark.parametrize(("name", "contender", "like"), minigrads("fake"))
def test_minigrad_agrees_on_a_stand_in_for_a_gpu(name, contender, like):
    tolerance = load(runner.WORKLOADS[name]).TOLERANCE
    assert runner.difference(started(name, contender, "fake"), started(name, like, "numpy"), tolerance) is None


# The command


def test_tables_are_written_as_they_come(paths, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runner, "WORKLOADS", {"alone": paths["alone"], "gone": tmp_path / "gone.py"})
    tables, rounds = tmp_path / "tables.md", tmp_path / "rounds.json"
    with pytest.raises(FileNotFoundError):
        runner.main(["--rounds", "1", "--threads", "1", "--markdown", str(tables), "--json", str(rounds)])
    text = tables.read_text()
    assert capsys.readouterr().out.strip() in text
    assert text.startswith("# Results\n\n- command: `python -m benchmarks --rounds 1 --threads 1 --markdown")
    assert "- threads per contender: 1\n" in text
    assert "### alone: One contender that does nothing." in text
    written = json.loads(rounds.read_text())
    assert written["setting"]["versions"]["numpy"] == numpy.__version__
    (run,) = written["workloads"]["alone"]
    assert (run["backend"], run["size"], run["base"]) == ("numpy", {}, "nothing")
    assert run["results"]["nothing"]["status"] == "ok"
    assert len(run["results"]["nothing"]["seconds"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", runner.WORKLOADS)
def test_command(name, capsys, tmp_path):
    file = tmp_path / "rounds.json"
    runner.main(["--only", name, "--rounds", "1", "--json", str(file)])
    text = capsys.readouterr().out
    runs = json.loads(file.read_text())["workloads"][name]
    assert f"python -m benchmarks --only {name} --rounds 1" in text
    for run in runs:
        for contender, came in run["results"].items():
            assert came["status"] in ("ok", "left out") or came["status"].startswith("not installed"), contender
            assert len(came["seconds"]) == (came["status"] == "ok"), contender


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nothing"], "invalid choice: 'nothing'"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--backend", "torch"], "invalid choice: 'torch'"),
        (["--json", "no-such-folder/rounds.json"], "there is no folder"),
        (["--markdown", "no-such-folder/tables.md"], "there is no folder"),
    ],
)
def test_bad_command_line(arguments, said, capsys):
    with pytest.raises(SystemExit):
        runner.main(arguments)
    assert said in capsys.readouterr().err


def test_two_threads_are_the_default_where_there_are_two_cores():
    assert runner.options([]).threads == min(2, cores())
