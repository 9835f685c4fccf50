"""Sweeps over seeds and settings: the same results wherever they run, and nothing lost when something goes wrong."""

import contextlib
import functools
import itertools
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backend import current
from minigrad.sweeping.grid import combinations
from minigrad.sweeping.values import pack
from minigrad.testing import close
from tests.minigrad.test_training import shown_on_a_terminal

POSIX = pytest.mark.skipif(os.name != "posix", reason="the signal is that of POSIX")
GRID = {"lr": [0.1, 0.5], "seed": range(3)}


# The experiments. They stand here and not in the tests, so that other processes can import them.


def descend(lr, seed):
    """Noisy gradient descent on x²."""
    rng = numpy.random.default_rng(seed)
    x = mg.tensor([1.0, -2.0], requires_grad=True)
    sgd = mg.optim.SGD([x], lr)

    def step(j):
        sgd.zero_grad()
        loss = ((x + current().asarray(rng.normal(size=2))) ** 2).sum()
        loss.backward()
        sgd.step()
        return loss

    history = mg.fit(step, 4)
    return {"loss": history["loss"][-1], "x": x, "history": history, "name": f"{lr} and {seed}"}


def fail_at(seed, bad):
    if seed == bad:
        raise ArithmeticError(f"{seed} is a bad seed")
    return seed**2


def die_at(seed, bad):
    if seed == bad:
        os._exit(1)
    return seed


def note(seed, log):
    """Write down that this seed was run."""
    with open(log, "a") as file:
        file.write(f"{seed}\n")
    return seed


def backend_of(seed):
    return current().name


def bits(results):
    """Write results as text, down to the last bit."""
    return repr([(run.settings, run.status, pack(run.result)) for run in results])


# The executors


class Scrambled(Executor):
    """An executor that makes so many calls in an order of its own, when it has got them all."""

    def __init__(self, order):
        self.order = order
        self.calls = []

    def submit(self, function, /, *args, **kwargs):
        self.calls.append((Future(), functools.partial(function, *args, **kwargs)))
        if len(self.calls) == len(self.order):
            for i in self.order:
                future, call = self.calls[i]
                future.set_result(call())
        return self.calls[-1][0]


@contextlib.contextmanager
def dask_executor():
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    local = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**local) as cluster, distributed.Client(cluster) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        yield client.get_executor()


def process_pool(method):
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))


EXECUTORS = {
    "none": contextlib.nullcontext,
    "threads": lambda: ThreadPoolExecutor(2),
    "fork": lambda: process_pool("fork"),
    "spawn": lambda: process_pool("spawn"),
    "dask": dask_executor,
}
if os.name != "posix":
    del EXECUTORS["fork"]


@pytest.fixture(scope="module", params=EXECUTORS)
def executor(request):
    with EXECUTORS[request.param]() as executor:
        yield executor


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs"


# Where it runs


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_results_are_the_same_on_every_executor(executor):
    results = mg.sweep(descend, GRID, executor)
    assert bits(results) == bits(mg.sweep(descend, GRID))
    assert [run.settings for run in results] == [{"lr": lr, "seed": seed} for lr in (0.1, 0.5) for seed in range(3)]
    assert results.array("x").shape == (2, 3, 2)


def test_a_failure_does_not_lose_the_rest_on_any_executor(executor):
    results = mg.sweep(fail_at, {"seed": range(4), "bad": [2]}, executor)
    assert [run.value for run in results.finished] == [0, 1, 9]
    (failure,) = results.failures
    assert (failure.settings, failure.status) == ({"seed": 2, "bad": 2}, "failed")
    assert failure.error == "ArithmeticError: 2 is a bad seed"
    assert 'raise ArithmeticError(f"{seed} is a bad seed")' in failure.traceback
    assert "sweeping" not in failure.traceback, "what minigrad does around the call is of no interest"


@given(order=st.permutations(range(6)))
def test_the_order_in_which_runs_end_does_not_matter(order):
    seen = []
    results = mg.sweep(descend, GRID, Scrambled(order), on_result=seen.append)
    assert bits(results) == bits(mg.sweep(descend, GRID))
    assert {id(run) for run in seen} == {id(run) for run in results}


def test_the_runs_use_the_backend_of_the_sweep_and_give_arrays_of_the_host(each_backend, path):
    for executor in (None, ThreadPoolExecutor(1)):
        assert mg.sweep(backend_of, {"seed": [0]}, executor)[0].value == each_backend
        for _ in ("computed", "loaded"):
            (run,) = mg.sweep(descend, {"lr": [0.1], "seed": [0]}, executor, checkpoint=path, resume=True)
            assert type(run.value["x"]) is numpy.ndarray


def test_what_a_run_switches_on_does_not_reach_the_next_one():
    def run(seed):
        before = current().name
        mg.use("fake")
        return before

    assert [run.value for run in mg.sweep(run, {"seed": range(3)})] == ["numpy"] * 3


def test_what_a_device_complains_about_late_belongs_to_the_run(each_backend):
    def run(label):
        logits = mg.tensor(numpy.zeros((1, 2)))
        mg.nn.cross_entropy(logits, current().asarray(numpy.array([label])))
        return "done"

    assert [run.status for run in mg.sweep(run, {"label": [0, 5, 1]})] == ["finished", "failed", "finished"]


def test_the_results_come_as_they_end():
    gate, came = threading.Event(), []

    def wait_or_open(seed):
        if seed == 0:
            assert gate.wait(60)
        return seed

    def on_result(run):
        came.append(run.value)
        gate.set()

    with ThreadPoolExecutor(2) as executor:
        mg.sweep(wait_or_open, {"seed": range(2)}, executor, on_result=on_result)
    assert came == [1, 0]


# What a function may return

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(LEAVES, lambda tree: st.lists(tree) | st.dictionaries(st.text(), tree) | st.tuples(tree, tree))


@given(value=TREES)
def test_a_result_comes_back_as_it_was_from_a_run_and_from_a_file(value, tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "runs"

    def give(seed):
        return value

    fresh = mg.sweep(give, {"seed": [0]}, checkpoint=path)
    saved = mg.sweep(give, {"seed": [0]}, checkpoint=path, resume=True)
    assert value == fresh[0].value == saved[0].value
    assert repr(value) == repr(fresh[0].value) == repr(saved[0].value), "1 is no 1.0, and 0.0 no -0.0"


def give_histories(seed):
    first, second = mg.History(), mg.History()
    first.record(3, loss=0.5)
    first.stopped = "interrupted"
    return {"histories": [first, (second, seed)], "a": seed}


def test_histories_may_stand_anywhere_and_keep_how_they_stopped(path):
    fresh = mg.sweep(give_histories, {"seed": [7]}, checkpoint=path)
    saved = mg.sweep(give_histories, {"seed": [7]}, checkpoint=path, resume=True)
    for results in (fresh, saved):
        (first, (second, seed)), a = results[0].value.values()
        assert (first.stopped, first.last, first["loss"].tolist()) == ("interrupted", 3, [0.5])
        assert (second.stopped, second.last, seed, a) == (None, 0, 7, 7)


def test_results_share_nothing():
    buffer, history = numpy.zeros(2), mg.History()

    def count(seed):
        buffer[:] += 1.0
        history.record(seed, loss=0.0)
        return {"buffer": buffer, "history": history}

    results = mg.sweep(count, {"seed": [1, 2]})
    assert results.array("buffer").tolist() == [[1.0, 1.0], [2.0, 2.0]]
    assert [run.value["history"].last for run in results] == [1, 2]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (mg.nn.Linear(1, 1), "TypeError: the result holds a Linear, which is no plain value; return numbers"),
        ({"m": [mg.nn.ReLU()]}, r"TypeError: the result holds a ReLU at \['m', 0\], which is no plain value"),
        (numpy.random.default_rng(0), "TypeError: the result holds a Generator"),
        ({"f": print}, r"TypeError: the result\['f'\] is a builtin_function_or_method, which cannot be saved"),
        ({1: 2}, "TypeError: the result has the key 1; keys must be text"),
        (numpy.array(["a"]), "TypeError: the result is an array of type <U1"),
    ],
)
def test_a_result_that_cannot_be_saved_fails_alone(path, value, error):
    def give(seed):
        return value if seed == 1 else seed

    for checkpoint in (None, path):
        results = mg.sweep(give, {"seed": range(3)}, checkpoint=checkpoint)
        assert [run.status for run in results] == ["finished", "failed", "finished"]
        with pytest.raises(mg.RunError, match=error):
            results[1].value  # noqa: B018 (that it can be read is the question)


# Failures


class Awkward(Exception):
    """An exception that cannot be sent to another process."""

    def __init__(self, first, second):
        super().__init__(first)
        self.lock = threading.Lock()


def fail_awkwardly(seed):
    if seed == 1:
        raise Awkward("one", "two")
    if seed == 2:
        sys.exit("I leave")
    return seed


def test_every_kind_of_exception_is_kept_as_text():
    with process_pool("spawn") as executor:
        for results in (mg.sweep(fail_awkwardly, {"seed": range(4)}, where) for where in (None, executor)):
            assert [run.error.rpartition(".")[2] for run in results] == ["", "Awkward: one", "SystemExit: I leave", ""]


def test_asking_for_the_value_of_a_failed_run_says_which_and_why():
    results = mg.sweep(fail_at, {"seed": range(3), "bad": [1]})
    for ask in (lambda: results[1].value, results.array, lambda: results.over("seed")):
        with pytest.raises(mg.RunError, match="the run with seed=1, bad=1 failed: ArithmeticError: 1 is a") as caught:
            ask()
        assert "in fail_at" in caught.value.__notes__[0]
    assert results.finished.over("seed")[0].value["count"] == 2


def test_a_process_that_dies_is_reported_for_the_runs_it_took_down(path):
    with process_pool("spawn") as executor:
        results = mg.sweep(die_at, {"bad": [3], "seed": range(30)}, executor, checkpoint=path)
        assert results.where(seed=3)[0].status == "failed"
        for run in results:
            assert run.status == "finished" or "A worker process dies for lack of memory" in run.error
        with pytest.raises(RuntimeError, match=r"the executor takes no runs: .*; make a new one"):
            mg.sweep(die_at, {"bad": [3], "seed": range(40)}, executor)
    assert len(list(path.iterdir())) == len(results.finished)


def test_an_executor_that_breaks_while_it_is_given_runs():
    class Breaking(ThreadPoolExecutor):
        taken = 0

        def submit(self, *args):
            self.taken += 1
            if self.taken > 2:
                raise BrokenExecutor("no more")
            return super().submit(*args)

    with Breaking(1) as executor:
        results = mg.sweep(note, {"seed": range(4), "log": [os.devnull]}, executor)
    assert [run.status for run in results] == ["finished", "finished", "failed", "failed"]


class GivingUp(Executor):
    """An executor that makes the first call, and cancels all others."""

    begun = False

    def submit(self, function, /, *args):
        future = Future()
        if self.begun:
            future.cancel()
        else:
            self.begun = True
            future.set_result(function(*args))
        return future


def test_an_executor_that_gives_up_runs():
    results = mg.sweep(fail_at, {"seed": range(3), "bad": [5]}, GivingUp())
    assert [run.status for run in results] == ["finished", "failed", "failed"]
    assert results[2].error.endswith("CancelledError: the executor gave it up")


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_function_that_cannot_be_sent_is_refused_at_once(start):
    lock = threading.Lock()

    def closure(seed):
        return lock.locked()

    with process_pool(start) as executor:
        for function in (lambda seed: seed, closure, functools.partial(fail_at, bad=lock)):
            with pytest.raises(TypeError, match=r"cannot be sent to another process: .* Define it with def at the top"):
                mg.sweep(function, {"seed": range(20)}, executor)
        assert mg.sweep(fail_at, {"seed": [1], "bad": [0]}, executor)[0].value == 1, "the pool can still be used"


# Checkpoints


@given(stop=st.integers(1, 6), order=st.permutations(range(6)))
def test_a_resumed_sweep_runs_only_what_is_missing(stop, order, tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "runs"
    seen = []

    def stop_there(run):
        seen.append(run.settings)
        if len(seen) == stop:
            raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="the power is gone"):
        mg.sweep(descend, GRID, Scrambled(order), checkpoint=path, on_result=stop_there)
    rest = []
    results = mg.sweep(descend, GRID, checkpoint=path, resume=True, on_result=lambda run: rest.append(run.settings))
    assert sorted(map(repr, seen + rest)) == sorted(repr(run.settings) for run in results)
    assert bits(results) == bits(mg.sweep(descend, GRID))


def test_failed_runs_are_tried_again_and_finished_ones_are_not(path, tmp_path):
    cure, log = tmp_path / "cure", tmp_path / "log"

    def recover(seed):
        note(seed, log)
        if seed == 1 and not cure.exists():
            raise ArithmeticError
        return seed

    assert len(mg.sweep(recover, {"seed": range(3)}, checkpoint=path).failures) == 1
    cure.touch()
    assert mg.sweep(recover, {"seed": range(3)}, checkpoint=path, resume=True).array().tolist() == [0, 1, 2]
    assert log.read_text().split() == ["0", "1", "2", "1"]


def test_a_grid_may_grow_but_not_shrink_or_change(path, tmp_path):
    log = str(tmp_path / "log")
    mg.sweep(note, {"seed": range(2), "log": [log]}, checkpoint=path)
    more = mg.sweep(note, {"seed": [5, 1, 0], "log": [log]}, checkpoint=path, resume=True)
    assert more.array().ravel().tolist() == [5, 1, 0]
    assert Path(log).read_text().split() == ["0", "1", "5"]
    for grid in ({"seed": [0, 1], "log": [log]}, {"seed": [0, 1, 5], "log": ["other"]}):
        with pytest.raises(mg.CheckpointError, match=r"runs is of another grid: it holds the runs? with .*seed=5"):
            mg.sweep(note, grid, checkpoint=path, resume=True)
    mg.sweep(note, {"seed": range(9), "log": [log]}, checkpoint=path, resume=True)
    with pytest.raises(
        mg.CheckpointError, match=r"and 6 more, and this one, which begins with seed=7, log='a', does not"
    ):
        mg.sweep(note, [{"seed": 7, "log": "a"}], checkpoint=path, resume=True)


def test_the_grid_decides_on_the_order_of_the_axes_and_not_the_checkpoint(path):
    mg.sweep(fail_at, {"seed": [1, 2], "bad": [0]}, checkpoint=path)
    resumed = mg.sweep(fail_at, {"bad": [0.0], "seed": [2, 1, 3]}, checkpoint=path, resume=True)
    assert resumed.array().tolist() == [[4, 1, 9]]
    assert repr(resumed.axes) == "{'bad': [0.0], 'seed': [2, 1, 3]}"


def test_a_checkpoint_of_another_function_is_refused(path):
    mg.sweep(fail_at, {"seed": [0], "bad": [1]}, checkpoint=path)
    with pytest.raises(mg.CheckpointError, match=r"holds runs of .*\.fail_at, and this sweep is of .*\.die_at; choose"):
        mg.sweep(die_at, {"seed": [0], "bad": [1]}, checkpoint=path, resume=True)


def test_a_checkpoint_is_not_taken_without_being_asked_for(path):
    mg.sweep(fail_at, {"seed": [0], "bad": [1]}, checkpoint=path)
    with pytest.raises(FileExistsError, match=r"there are runs in .*runs already: continue with resume=True"):
        mg.sweep(fail_at, {"seed": [0], "bad": [1]}, checkpoint=path)
    assert mg.sweep(fail_at, {"seed": [0], "bad": [1]}, checkpoint=str(path), resume=True).array().shape == (1, 1)


def test_files_that_are_no_runs_are_refused(path):
    path.mkdir()
    (path / "run.npz").write_bytes(b"damaged")
    with pytest.raises(mg.CheckpointError, match=r"run\.npz is no checkpoint"):
        mg.sweep(fail_at, {"seed": [0], "bad": [1]}, checkpoint=path, resume=True)
    mg.save(path / "run.npz", step=3)
    with pytest.raises(mg.CheckpointError, match=r"run\.npz is no run of a sweep: it holds step"):
        mg.sweep(fail_at, {"seed": [0], "bad": [1]}, checkpoint=path, resume=True)


def test_a_place_that_cannot_be_written_is_noticed_before_the_first_run(tmp_path):
    log = tmp_path / "log"
    (tmp_path / "file").touch()
    for place, error in (("missing/runs", FileNotFoundError), ("file", FileExistsError)):
        with pytest.raises(error, match=r"make it first|choose another name"):
            mg.sweep(note, {"seed": [0], "log": [str(log)]}, checkpoint=tmp_path / place)
    assert not log.exists()


def test_a_function_without_a_name_has_no_checkpoint(path):
    for function in (lambda seed: seed, functools.partial(fail_at, bad=3)):
        assert mg.sweep(function, {"seed": [2]})[0].status == "finished"
        with pytest.raises(ValueError, match="checkpoint= needs a function that is known by its name, made with def"):
            mg.sweep(function, {"seed": [2]}, checkpoint=path)


@POSIX
def test_a_process_that_is_killed_loses_the_runs_that_were_running_and_no_others(tmp_path):
    path, log = tmp_path / "runs", str(tmp_path / "log")
    script = f"""
import time
import minigrad as mg
from tests.minigrad.test_sweep import note

def on_result(run):
    print(run.value, flush=True)
    if run.value == 4:
        time.sleep(60)

mg.sweep(note, {{"seed": range(10), "log": [{log!r}]}}, checkpoint={str(path)!r}, on_result=on_result)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert [process.stdout.readline() for _ in range(5)] == [f"{seed}\n" for seed in range(5)]
        process.kill()
    results = mg.sweep(note, {"seed": range(10), "log": [log]}, checkpoint=path, resume=True)
    assert results.array().ravel().tolist() == list(range(10))
    assert Path(log).read_text().split() == list("0123456789"), "no seed was run twice"


# Ctrl-C


def interrupt_at(seed, last):
    if seed == last:
        signal.raise_signal(signal.SIGINT)
    return seed


def test_ctrl_c_lets_the_run_end_and_returns(path):
    before = signal.getsignal(signal.SIGINT)
    results = mg.sweep(interrupt_at, {"seed": range(5), "last": [2]}, checkpoint=path)
    assert signal.getsignal(signal.SIGINT) is before
    assert [run.status for run in results] == ["finished"] * 3 + ["not run"] * 2
    assert (results.stopped, results.failures, results.finished.stopped) == ("interrupted", [], "finished")
    assert repr(results) == "Results(3 finished, 2 not run)"
    with pytest.raises(mg.RunError, match="the run with seed=3, last=2 was not run: the sweep was interrupted before"):
        results.array()
    results = mg.sweep(note, {"seed": range(5), "log": [os.devnull]})
    assert results.stopped == "finished"


def train_and_interrupt(seed, last):
    """Train for five steps, and press Ctrl-C in the third one of the last run."""
    history = mg.fit(lambda j: float(j) if (seed, j) != (last, 3) else signal.raise_signal(signal.SIGINT) or 3.0, 5)
    return history.last, history.stopped


def test_a_training_inside_of_a_run_leaves_ctrl_c_to_the_sweep():
    results = mg.sweep(train_and_interrupt, {"seed": range(4), "last": [1]})
    assert [run.value for run in results.finished] == [(5, "finished")] * 2
    assert results.stopped == "interrupted"


class Opening(ThreadPoolExecutor):
    """Opens a gate as soon as one of its calls is cancelled."""

    def __init__(self, workers):
        super().__init__(workers)
        self.gate = threading.Event()

    def submit(self, *args):
        future = super().submit(*args)
        future.add_done_callback(lambda future: self.gate.set() if future.cancelled() else None)
        return future


def test_ctrl_c_cancels_what_waits_and_lets_the_others_end():
    executor = Opening(2)

    def wait(seed):
        assert seed == 0 or executor.gate.wait(20)
        return seed

    def press_once(run):
        if run.value == 0:
            signal.raise_signal(signal.SIGINT)

    with executor:
        results = mg.sweep(wait, {"seed": range(8)}, executor, on_result=press_once)
    assert results.stopped == "interrupted"
    assert (results[0].value, results[1].value, results.failures) == (0, 1, [])


def test_an_error_of_on_result_cancels_what_waits():
    executor = Opening(2)

    def wait(seed):
        assert seed == 0 or executor.gate.wait(20)

    def fail(run):
        raise RuntimeError("no more")

    with executor:
        with pytest.raises(RuntimeError) as caught:
            mg.sweep(wait, {"seed": range(8)}, executor, on_result=fail)
        assert executor.gate.is_set(), "at once, and not when the error is forgotten"
        assert str(caught.value) == "no more"


def test_a_second_ctrl_c_raises_at_once_and_what_was_finished_is_saved(path):
    def press(run):
        signal.raise_signal(signal.SIGINT)

    def interrupt(seed):
        press(seed)
        return seed

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        mg.sweep(interrupt, {"seed": range(3)}, checkpoint=path, on_result=press)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(list(path.iterdir())) == 1


def wait_for(seed, gate, log):
    note(seed, log)
    while not os.path.exists(gate):
        time.sleep(0.01)
    return seed


@POSIX
def test_a_terminals_ctrl_c_lets_the_runs_of_other_processes_end(tmp_path):
    """It reaches all processes of the group, and each of them lets its run end."""
    gate, log = str(tmp_path / "gate"), tmp_path / "log"
    log.touch()
    script = f"""
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import minigrad as mg
from tests.minigrad.test_sweep import wait_for

with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
    results = mg.sweep(wait_for, {{"seed": range(100), "gate": [{gate!r}], "log": [{str(log)!r}]}}, executor)
    print(results.stopped, len(results.failures), results[0].value, results[1].value)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(log.read_text().split()) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    Path(gate).touch()
    assert process.communicate(timeout=60) == ("interrupted 0 0 1\n", "")


# The results


@st.composite
def settings_of_runs(draw):
    values = st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3) | st.none()
    return draw(
        st.dictionaries(
            st.text(min_size=1), st.lists(values, min_size=1, max_size=3, unique=True), min_size=1, max_size=3
        )
    )


@given(grid=settings_of_runs(), data=st.data())
def test_the_array_has_an_axis_for_each_setting(grid, data):
    def place(**settings):
        return [grid[name].index(value) for name, value in settings.items()]

    results = mg.sweep(place, grid)
    assert results.axes == grid
    array = results.array()
    assert array.shape == (*map(len, grid.values()), len(grid))
    for index in itertools.product(*(range(len(values)) for values in grid.values())):
        assert array[index].tolist() == list(index)
        settings = {name: values[i] for (name, values), i in zip(grid.items(), index, strict=True)}
        (run,) = results.where(**settings)
        assert run.value == list(index)
    shuffled = mg.sweep(place, data.draw(st.permutations(combinations(grid))))
    order = [[values.index(value) for value in shuffled.axes[name]] for name, values in grid.items()]
    names = list(shuffled.axes)
    assert sorted(names) == sorted(grid)
    assert (shuffled.array() == array[numpy.ix_(*order)]).all()


@given(
    seeds=st.integers(2, 6), shape=st.sampled_from([(), (3,), (2, 2)]), dtype=st.sampled_from(["float32", "float64"])
)
def test_means_and_spreads_over_the_seeds(seeds, shape, dtype):
    def draw(lr, seed):
        return {"x": (lr * numpy.random.default_rng(seed).normal(size=shape)).astype(dtype)}

    results = mg.sweep(draw, {"lr": [1.0, 10.0], "seed": range(seeds)})
    values, table = results.array("x"), results.over("seed", "x")
    assert [run.settings for run in table] == [{"lr": 1.0}, {"lr": 10.0}]
    mean = values.sum(axis=1) / seeds
    assert close(table.array("mean"), mean)
    assert close(table.array("std"), numpy.sqrt(((values - mean[:, None]) ** 2).sum(axis=1) / (seeds - 1)))
    assert (table.array("min") == values.min(axis=1)).all()
    assert (table.array("max") == values.max(axis=1)).all()
    assert table.array("count").tolist() == [seeds] * 2
    assert {table.array(name).dtype for name in ("mean", "std", "min", "max")} == {numpy.dtype(dtype)}


def test_one_seed_has_no_spread():
    (run,) = mg.sweep(lambda seed: 0.5, {"seed": [0]}).over("seed")
    assert (run.settings, run.value["mean"], run.value["count"]) == ({}, 0.5, 1)
    assert math.isnan(run.value["std"])


def test_parts_of_a_value():
    results = mg.sweep(descend, GRID)
    losses = results.array(lambda value: value["history"]["loss"])
    assert losses.shape == (2, 3, 4)
    assert (losses[..., -1] == results.array("loss")).all()
    histories = mg.sweep(lambda seed: descend(0.1, seed)["history"], {"seed": range(3)})
    assert (histories.array("loss") == losses[0]).all()


def test_settings_may_differ_from_run_to_run():
    results = mg.sweep(lambda **settings: len(settings), [{"a": 1}, {"a": 1, "b": 2}, {"b": 2}])
    assert results.axes == {"a": [1], "b": [2]}
    assert [run.value for run in results.where(a=1)] == [1, 2]
    with pytest.raises(ValueError, match="an array needs runs that all have the same settings; the names are a, b"):
        results.array()
    with pytest.raises(ValueError, match="the names are none"):
        mg.Results([]).array()
    with pytest.raises(KeyError, match="the run with b=2 has no setting 'a'"):
        results.over("a")


def test_what_results_refuse():
    results = mg.sweep(lambda lr, seed: {"text": "a", "x": [0.0] * seed}, {"lr": [0.1, 0.2], "seed": range(2)})
    with pytest.raises(KeyError, match=r"there is no run with lr=0\.3; the settings are lr: 0\.1, 0\.2; seed: 0, 1"):
        results.where(lr=0.3)
    with pytest.raises(KeyError, match="there is no run with rate=1"):
        results.where(rate=1)
    with pytest.raises(KeyError, match=r"the value of the run with lr=0\.1, seed=0 has no 'loss': {'text': 'a', 'x'"):
        results.array("loss")
    for of in (None, "text"):
        with pytest.raises(ValueError, match=r"with lr=0\.1, seed=0, is not numeric: say with of="):
            results.over("seed", of)
    with pytest.raises(ValueError, match=r"the values differ in shape: \(0,\) with lr=0\.1, seed=0, and \(1,\) with"):
        results.array("x")
    some = mg.sweep(lambda lr, seed: 1, [{"lr": 1, "seed": 2}, {"lr": 3, "seed": 4}])
    with pytest.raises(
        ValueError, match="every combination of 2 × 2 settings, and 2 are missing, such as lr=1, seed=4"
    ):
        some.array()


# What it refuses


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"function": 3}, TypeError, "function must be a function of the settings; got 3"),
        ({"grid": {}}, ValueError, "the grid is empty; write for instance {'seed': range"),
        ({"grid": []}, ValueError, "the grid holds no runs"),
        ({"grid": [{}]}, ValueError, "the grid holds a run without settings"),
        ({"grid": {"seed": []}}, ValueError, "the grid has no values of 'seed'"),
        ({"grid": 5}, TypeError, "a grid is a dict of lists, such as .*; got 5"),
        ({"grid": "seed"}, TypeError, "a grid is a dict of lists, such as .*; got 'seed'"),
        ({"grid": [0, 1]}, TypeError, r"a grid is a dict of lists, such as .*; got \[0, 1\]"),
        ({"grid": {"seed": 5}}, TypeError, "the values of 'seed' in order, as a list or a range; got 5"),
        ({"grid": {"seed": "abc"}}, TypeError, "the values of 'seed' in order, as a list or a range; got 'abc'"),
        ({"grid": {"seed": {1, 2}}}, TypeError, "the values of 'seed' in order, as a list or a range; got {1, 2}"),
        ({"grid": {"seed": numpy.array(3)}}, TypeError, "the values of 'seed' in order"),
        ({"grid": {"seed": [1, 2, 1.0]}}, ValueError, "the grid holds seed=1.0 twice"),
        ({"grid": [{"seed": 1}, {"seed": 1}]}, ValueError, "the grid holds seed=1 twice"),
        ({"grid": {"seed": [[1, 2]]}}, TypeError, r"seed is a list, and settings are numbers, .*; write \(1, 2\)"),
        ({"grid": {"seed": [numpy.ones(2)]}}, TypeError, "seed is a ndarray, and settings are numbers, text, bools"),
        (
            {"grid": {"seed": [numpy.random.default_rng(0)]}},
            TypeError,
            "seed is a Generator, and .* give a name or a seed",
        ),
        ({"grid": {"seed": [float("nan")]}}, ValueError, "seed is NaN, which equals nothing"),
        ({"grid": {"seed": [(1, float("nan"))]}}, ValueError, "seed is NaN, which equals nothing"),
        ({"grid": {3: [1]}}, TypeError, "the names of settings are text; got 3"),
        (
            {"grid": {"lr": [1]}},
            TypeError,
            "the function does not take the settings lr=1: missing a required .* 'seed'",
        ),
        ({"executor": 4}, TypeError, r"executor must be one of concurrent\.futures, such as .*, or None; got 4"),
        ({"executor": ThreadPoolExecutor}, TypeError, r"executor must be one of concurrent\.futures"),
        ({"resume": True}, ValueError, "resume=True needs checkpoint="),
        ({"on_result": 1}, TypeError, "on_result must be a function of a run; got 1"),
    ],
)
def test_what_sweep_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        mg.sweep(**{"function": lambda seed: seed, "grid": {"seed": [0]}} | arguments)


def test_executors_that_are_none():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(
        RuntimeError, match=r"the executor takes no runs: cannot schedule new futures .*; make a new one"
    ):
        mg.sweep(fail_at, {"seed": [0], "bad": [1]}, executor)

    class Client:
        def submit(self, *args):
            return "a future of another kind"

    with pytest.raises(TypeError, match=r"Client\.submit gives a str, which is no future .*: client\.get_executor\(\)"):
        mg.sweep(fail_at, {"seed": [0], "bad": [1]}, Client())


def test_numbers_of_numpy_become_those_of_python():
    grid = {"lr": numpy.logspace(-2, -1, 2), "n": numpy.arange(2), "flag": [numpy.True_], "name": [numpy.str_("a")]}
    results = mg.sweep(lambda lr, n, flag, name: [type(x).__name__ for x in (lr, n, flag, name)], grid)
    assert results[0].value == ["float", "int", "bool", "str"]
    assert results.where(lr=0.1, n=numpy.int64(1))[0].settings == {"lr": 0.1, "n": 1, "flag": True, "name": "a"}


# The bar


SWEEPING = """
import minigrad as mg

def run(seed):
    if seed == 1:
        raise ArithmeticError
    return seed

mg.sweep(run, {"seed": range(4)})
"""


@POSIX
def test_a_bar_counts_the_runs_and_the_failures_on_a_terminal_only():
    done = subprocess.run([sys.executable, "-c", SWEEPING], capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"", b"")
    shown = shown_on_a_terminal(SWEEPING)
    assert "4/4" in shown
    assert "failed=1" in shown
