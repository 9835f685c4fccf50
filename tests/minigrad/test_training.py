"""The loop around a training step: what it records, saves, resumes, and how it stops."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import optim
from minigrad.backend import current
from minigrad.testing import close

pytestmark = pytest.mark.usefixtures("each_backend")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


class Descent:
    """Noisy gradient descent on x², with all that it needs in `state`."""

    def __init__(self, fail_at=None):
        self.x = mg.tensor([1.0, -2.0], requires_grad=True)
        self.adam = optim.Adam([self.x], optim.Harmonic(0.5))
        self.rng = numpy.random.default_rng(0)
        self.state = {"x": self.x, "adam": self.adam, "rng": self.rng}
        self.fail_at = fail_at
        self.calls = []

    def step(self, j):
        self.calls.append(j)
        if j == self.fail_at:
            raise RuntimeError("the power is gone")
        self.adam.zero_grad()
        noise = current().asarray(self.rng.normal(size=2))
        loss = ((self.x + noise) ** 2).sum()
        loss.backward()
        self.adam.step()
        return {"loss": loss, "largest": abs(self.x.data).max()}

    def bits(self):
        return self.x.tolist(), self.adam.rate, self.rng.bit_generator.state


# What it records


def test_the_steps_are_numbered_from_one_and_their_metrics_are_kept():
    descent = Descent()
    history = mg.fit(descent.step, 5)
    assert descent.calls == [1, 2, 3, 4, 5]
    assert history.names == ["loss", "largest"]
    assert history.steps.tolist() == history.steps_of("loss").tolist() == [1, 2, 3, 4, 5]
    assert history["largest"][-1] == abs(mg.asnumpy(descent.x)).max()
    assert history.stopped == "finished"


@pytest.mark.parametrize("made_of", [int, float, numpy.float32, mg.tensor, lambda x: mg.tensor([[x]])])
def test_one_number_is_the_loss(made_of):
    assert mg.fit(lambda j: made_of(3.0), 2)["loss"].tolist() == [3.0, 3.0]


def test_a_metric_may_come_now_and_then():
    history = mg.fit(lambda j: {"loss": j} | ({"accuracy": 1.0 / j} if j % 2 == 0 else {}), 5)
    assert history.steps_of("accuracy").tolist() == [2, 4]
    assert history["accuracy"].tolist() == [0.5, 0.25]
    assert mg.fit(lambda j: {}, 3).steps.tolist() == []


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "the metric 'loss' must be one number; got a NoneType"),
        ("0.5", "the metric 'loss' must be one number; got a str"),
        ((0.5, 0.6), "the metric 'loss' must be one number; got a tuple"),
        ({"losses": numpy.ones(3)}, r"the metric 'losses' must be one number; got an array of shape \(3,\)"),
        ({"z": 1j}, "the metric 'z' must be one number; got a complex"),
        ({1: 2.0}, "the name of a metric must be text; got 1"),
    ],
)
def test_what_is_no_metric(returned, message):
    with pytest.raises(TypeError, match=message):
        mg.fit(lambda j: returned, 3)


def test_a_metric_that_no_float_can_hold():
    with pytest.raises(ValueError, match="the metric 'loss' is an integer too large for a float"):
        mg.fit(lambda j: 10**400, 3)


# Checkpoints


@pytest.mark.parametrize("fail_at", range(1, 12))
def test_a_run_that_fails_at_any_step_and_is_resumed_ends_with_the_same_bits(path, fail_at):
    whole, broken, resumed = Descent(), Descent(fail_at), Descent()
    expected = mg.fit(whole.step, 11, state=whole.state, every=4)
    with pytest.raises(RuntimeError, match="the power is gone"):
        mg.fit(broken.step, 11, state=broken.state, checkpoint=path, every=4)
    saved = mg.load(path)["step"]
    assert saved == (fail_at - 1) // 4 * 4
    history = mg.fit(resumed.step, 11, state=resumed.state, checkpoint=path, every=4, resume=True)
    assert resumed.calls == list(range(saved + 1, 12))
    assert resumed.bits() == whole.bits()
    assert history.state_dict()["metrics"].keys() == {"loss", "largest"}
    assert history["loss"].tolist() == expected["loss"].tolist()
    assert mg.load(path)["step"] == 11


def test_a_finished_run_is_resumed_to_do_nothing_or_more(path):
    first, second = Descent(), Descent()
    mg.fit(first.step, 3, state=first.state, checkpoint=path)
    history = mg.fit(second.step, 2, state=second.state, checkpoint=path, resume=True)
    assert second.calls == []
    assert second.bits() == first.bits()
    assert (history.last, history.stopped) == (3, "finished")
    mg.fit(second.step, 5, state=second.state, checkpoint=path, resume=True)
    assert second.calls == [4, 5]


def test_resume_without_a_file_begins_at_the_beginning(path):
    descent = Descent()
    mg.fit(descent.step, 2, state=descent.state, checkpoint=path, resume=True)
    assert descent.calls == [1, 2]


def test_a_checkpoint_is_not_overwritten_by_a_run_that_does_not_continue_it(path):
    first, second = Descent(), Descent()
    mg.fit(first.step, 2, state=first.state, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"a checkpoint .*run\.npz already: continue it with resume=True"):
        mg.fit(second.step, 2, state=second.state, checkpoint=path)
    assert path.read_bytes() == before
    path.write_bytes(b"damaged")
    with pytest.raises(mg.CheckpointError, match="is no checkpoint"):
        mg.fit(second.step, 2, state=second.state, checkpoint=path, resume=True)
    assert second.calls == []


def test_a_run_is_not_resumed_without_a_part_of_what_was_saved(path):
    first, second = Descent(), Descent()
    mg.fit(first.step, 2, state=first.state | {"mask": numpy.ones(2)}, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(mg.CheckpointError, match=r"run\.npz holds rng, mask too, and state= does not"):
        mg.fit(second.step, 4, state={"x": second.x, "adam": second.adam}, checkpoint=path, resume=True)
    assert (second.calls, second.x.tolist()) == ([], [1.0, -2.0])
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_noticed_before_the_first_step(tmp_path):
    descent = Descent()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        mg.fit(descent.step, 2, state=descent.state, checkpoint=tmp_path / "missing" / "run.npz")
    assert descent.calls == []


# Divergence


class Diverging:
    """Gradient descent on f with a step so large that it leaves the domain of f in a few steps."""

    def __init__(self, f, start, lr, metric=lambda loss: loss):
        self.x = mg.tensor(start, requires_grad=True)
        self.sgd = optim.SGD([self.x], lr)
        self.state = {"x": self.x, "sgd": self.sgd}
        self.f = f
        self.metric = metric

    def step(self, j):
        self.sgd.zero_grad()
        loss = self.f(self.x)
        loss.backward()
        self.sgd.step()
        return self.metric(loss)


@pytest.fixture
def quiet():
    with numpy.errstate(all="ignore"):
        yield


@pytest.mark.usefixtures("quiet")
def test_a_nan_metric_stops_the_loop_and_names_the_operation(path):
    run = Diverging(lambda x: np.log(x), 4.0, lr=3.0)  # 4, 3.25, 2.33, 1.04, -1.84
    with pytest.raises(mg.DivergenceError) as caught:
        mg.fit(run.step, 50, state=run.state, checkpoint=path, every=3)
    error = caught.value
    assert str(error).startswith("step 5: the metric 'loss' is nan. Running steps 4 to 5 again shows the first NaN or")
    assert "in step 5: log, called at " in str(error)
    assert "np.log(x)" in str(error)
    assert str(error).endswith("The state is again that after step 3; the metrics are in the history of this error.")
    assert (error.step, error.restored) == (5, 3)
    assert close(error.history["loss"], numpy.log([4.0, 3.25, 3.25 - 3 / 3.25, mg.load(path)["x"].item()]))
    assert run.x.item() == mg.load(path)["x"].item()
    assert run.sgd.steps == mg.load(path)["step"] == 3


@pytest.mark.usefixtures("quiet")
def test_an_infinite_metric_is_found_without_a_checkpoint_too():
    run = Diverging(lambda x: x**4, 10.0, lr=1.0)
    with pytest.raises(
        mg.DivergenceError, match=r"is inf\. .* power, called at .* produced an infinite value"
    ) as caught:
        mg.fit(run.step, 50, state=run.state)
    assert caught.value.restored == 0
    assert run.x.item() == 10.0


@pytest.mark.usefixtures("quiet")
def test_a_nan_in_the_backward_sweep_is_found_before_it_is_saved(path):
    run = Diverging(lambda x: np.sqrt(abs(x)) * 0.0 + 1.0, 0.0, lr=1.0)  # the loss is 1, and its gradient 0 · inf
    with pytest.raises(mg.DivergenceError) as caught:
        mg.fit(run.step, 50, state=run.state, checkpoint=path, every=2)
    assert str(caught.value).startswith("step 2: ")
    assert "the backward sweep through sqrt, called at" in str(caught.value)
    assert run.x.item() == mg.load(path)["x"].item() == 0.0
    assert mg.load(path)["step"] == 0


@pytest.mark.usefixtures("quiet")
def test_a_state_that_overflows_in_an_update_is_not_saved(path):
    run = Diverging(lambda x: x * 1e200, 1.0, lr=1e200)
    with pytest.raises(mg.DivergenceError, match=r"step 1: after it, x holds an infinity") as caught:
        mg.fit(run.step, 50, state=run.state, checkpoint=path, every=1)
    assert run.x.item() == mg.load(path)["x"].item() == 1.0
    assert "no operation on Tensors behind it" in str(caught.value)


def test_a_mask_of_minus_infinity_is_no_divergence():
    mask = mg.tensor([0.0, -numpy.inf])
    counter = current().asarray(numpy.zeros(2))
    assert mg.fit(lambda j: j, 3, state={"mask": mask, "counter": counter}, every=1).last == 3
    bad = current().asarray(numpy.zeros(2))

    def step(j):
        bad[0] = numpy.nan
        return j

    with pytest.raises(mg.DivergenceError, match="step 1: after it, bad holds NaN"):
        mg.fit(step, 3, state={"mask": mask, "bad": bad}, every=1)


def test_complex_arrays_are_looked_at_too():
    z = current().asarray(numpy.zeros(2, "complex128"))

    def step(j):
        z[1] = complex(0.0, numpy.nan)
        return j

    with pytest.raises(mg.DivergenceError, match="step 1: after it, z holds NaN"):
        mg.fit(step, 3, state={"z": z}, every=1)
    assert z.tolist() == [0.0, 0.0]


class Own:
    """A class that gives its own arrays, and takes over those that it is given."""

    def __init__(self):
        x = mg.tensor(0.0, requires_grad=True)
        self.values = {"mean": current().asarray(numpy.zeros(2)), "seen": [0], "twice": x * 2.0}

    def state_dict(self):
        return self.values

    def load_state_dict(self, state):
        self.values = state


def test_a_state_that_is_given_out_or_taken_over_without_a_copy_is_put_back():
    own, seen = Own(), []

    def step(j):
        seen.append((j, own.values["mean"].tolist(), list(own.values["seen"])))
        own.values["mean"] += 1.0
        own.values["seen"].append(j)
        return float("nan") if j == 2 else 1.0

    with pytest.raises(mg.DivergenceError, match="step 2"):
        mg.fit(step, 5, state={"own": own})
    assert (own.values["mean"].tolist(), own.values["seen"]) == ([0.0, 0.0], [0])
    first, second = (1, [0.0, 0.0], [0]), (2, [1.0, 1.0], [0, 1])
    assert seen == [first, second, first, second, second], "the last one under detect_anomaly"


@pytest.mark.usefixtures("quiet")
def test_the_gradients_of_the_bad_step_are_forgotten():
    """In a step that ends with zero_grad, they would be added to those of the next one."""
    x, layer = mg.tensor(0.0, requires_grad=True), mg.nn.Linear(1, 1)
    free = mg.tensor(1.0, requires_grad=True)
    sgd = optim.SGD([free], 0.1)

    def step(j):
        loss = np.log(x) + layer(np.ones((1, 1))).sum() + free
        loss.backward()
        return loss

    with pytest.raises(mg.DivergenceError):
        mg.fit(step, 3, state={"x": x, "layer": layer, "sgd": sgd})
    assert [x.grad, layer.weight.grad, layer.bias.grad, free.grad] == [None] * 4


@pytest.mark.usefixtures("quiet")
def test_infinities_of_earlier_steps_are_not_taken_for_the_reason():
    """Every step but the last one has a mask of -inf; the NaN comes from the logarithm."""
    x = current().asarray(numpy.array(3.0))

    def step(j):
        x[...] -= 1.0
        return np.exp(np.log(mg.tensor(0.0))) if j < 4 else np.log(mg.tensor(x))

    with pytest.raises(mg.DivergenceError, match=r"steps 1 to 4 again shows the first .* in step 4: log") as caught:
        mg.fit(step, 5, state={"x": x})
    assert "produced NaN. The state is again" in str(caught.value)


@pytest.mark.usefixtures("quiet")
def test_an_infinity_that_may_be_meant_is_told_from_a_nan():
    x = current().asarray(numpy.zeros(()))

    def step(j):
        mask = np.log(mg.tensor(x))
        return np.exp(mask) + np.log(mg.tensor(x - 1.0))

    with pytest.raises(
        mg.DivergenceError, match=r"is nan\. .* in step 1: log, .* produced an infinite value\. If this"
    ):
        mg.fit(step, 3, state={"x": x})


def test_a_nan_without_a_state_or_from_plain_numbers_says_so():
    with pytest.raises(mg.DivergenceError, match=r"the metric 'loss' is nan\. Pass state=") as caught:
        mg.fit(lambda j: float("nan") if j == 3 else 1.0, 5)
    assert caught.value.restored is None
    assert caught.value.history["loss"].tolist() == [1.0, 1.0]
    x = current().asarray(numpy.zeros(1))
    with pytest.raises(mg.DivergenceError, match="Running steps 1 to 2 again shows no operation on Tensors behind it"):
        mg.fit(lambda j: {"score": float("inf") if j == 2 else 1.0}, 5, state={"x": x})


def test_a_replay_that_goes_another_way_says_so():
    """The losses come from outside of the state, so they do not come again."""
    x = current().asarray(numpy.zeros(1))
    for losses, message in (
        ([1.0, float("nan"), 1.0, 1.0], "gave none: does step use a generator, or anything else that changes, outside"),
        ([1.0, float("nan"), 1.0], r"to find the operation failed in step 2: IndexError\('pop from empty list'\)"),
    ):
        with pytest.raises(mg.DivergenceError, match=message):
            mg.fit(lambda j, left=losses: left.pop(0), 5, state={"x": x})


# Ctrl-C


def test_ctrl_c_ends_after_the_step_and_saves(path):
    descent = Descent()
    before = signal.getsignal(signal.SIGINT)

    def step(j):
        if j == 3:
            signal.raise_signal(signal.SIGINT)
        return descent.step(j)

    history = mg.fit(step, 10, state=descent.state, checkpoint=path)
    assert (history.last, history.stopped) == (3, "interrupted")
    assert mg.load(path)["step"] == 3
    assert mg.load(path)["x"].tolist() == descent.x.tolist()
    assert signal.getsignal(signal.SIGINT) is before
    whole, resumed = Descent(), Descent()
    mg.fit(whole.step, 10)
    mg.fit(resumed.step, 10, state=resumed.state, checkpoint=path, resume=True)
    assert resumed.bits() == whole.bits()


def test_a_second_ctrl_c_raises_at_once(path):
    before = signal.getsignal(signal.SIGINT)
    descent = Descent()

    def step(j):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second Ctrl-C was ignored")

    with pytest.raises(KeyboardInterrupt):
        mg.fit(step, 10, state=descent.state, checkpoint=path)
    assert signal.getsignal(signal.SIGINT) is before
    assert mg.load(path)["step"] == 0


def test_ctrl_c_in_the_last_step_changes_nothing():
    history = mg.fit(lambda j: signal.raise_signal(signal.SIGINT) or 1.0 if j == 2 else 1.0, 2)
    assert history.stopped == "finished"


def test_ctrl_c_ends_the_search_for_a_nan():
    x, calls = current().asarray(numpy.zeros(1)), []

    def step(j):
        calls.append(j)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return float("nan") if j == 4 else 1.0

    with pytest.raises(mg.DivergenceError, match="The search for the operation was interrupted"):
        mg.fit(step, 10, state={"x": x})
    assert calls == [1, 2, 3, 4, 1]


def test_the_handler_is_restored_after_an_error_and_left_alone_where_ctrl_c_is_ignored():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="the power is gone"):
        mg.fit(Descent(fail_at=2).step, 3)
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        history = mg.fit(lambda j: signal.raise_signal(signal.SIGINT) or 1.0, 3)
        assert history.stopped == "finished"
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_can_train_too(each_backend):
    histories = []

    def work():
        with mg.use(each_backend):
            histories.append(mg.fit(Descent().step, 3))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert histories[0].last == 3


PROCESS = """
import sys, time
import numpy
import minigrad as mg

path, mode = sys.argv[1:]
x = numpy.zeros(1)

def step(j):
    x[0] = j
    if j == 3:
        print("ready", flush=True)
    if mode == "quick":
        time.sleep(0.01 if j < 3 else 0.05)
    elif j >= 3:
        time.sleep(60)
    return float(j)

history = mg.fit(step, 1000 if mode == "quick" else 3, state={"x": x}, checkpoint=path, every=2)
print(history.stopped, history.last, x[0])
"""


def started(path, mode):
    command = [sys.executable, "-c", PROCESS, str(path), mode]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.skipif(os.name != "posix", reason="the signal is that of POSIX")
def test_ctrl_c_stops_a_real_process_cleanly_and_silently(path, each_backend):
    if each_backend != "numpy":
        return
    process = started(path, "quick")
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    stopped, step, x = out.split()
    state = mg.load(path)
    assert stopped == "interrupted"
    assert int(step) == float(x) == state["step"] == state["x"].item() < 1000


@pytest.mark.skipif(os.name != "posix", reason="the signal is that of POSIX")
def test_two_ctrl_c_stop_a_real_process_that_hangs(path, each_backend):
    if each_backend != "numpy":
        return
    process = started(path, "hanging")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert mg.load(path)["step"] == 2


# The bar


def test_nothing_is_printed_where_there_is_no_terminal(capfd):
    mg.fit(lambda j: 1.0, 5)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="the terminal is that of POSIX")
def test_a_terminal_shows_the_metrics(each_backend):
    if each_backend != "numpy":
        return
    shown = shown_on_a_terminal("import minigrad as mg; mg.fit(lambda j: {'loss': 0.5, 'accuracy': j / 40}, 40)")
    assert "40/40" in shown
    assert "loss=0.5" in shown
    assert "Ctrl-C" not in shown


@pytest.mark.skipif(os.name != "posix", reason="the terminal is that of POSIX")
def test_a_terminal_shows_that_ctrl_c_was_heard(each_backend):
    if each_backend != "numpy":
        return
    script = """
import signal, sys
import minigrad as mg

def step(j):
    if j == 3:
        signal.raise_signal(signal.SIGINT)
        print("in the step", file=sys.stderr)
    return 1.0

mg.fit(step, 40)
"""
    shown = shown_on_a_terminal(script)
    assert shown.count("stopping after this step; press Ctrl-C again to stop at once") == 1
    assert shown.index("stopping after") < shown.index("in the step")


def shown_on_a_terminal(script):
    import pty
    import termios

    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 100))
    subprocess.run([sys.executable, "-c", script], stderr=end, check=True, timeout=60)
    os.close(end)
    shown = ""
    with contextlib.suppress(OSError):  # the system's way to say that all is read
        while piece := os.read(terminal, 1000):
            shown += piece.decode()
    os.close(terminal)
    return shown


# What it refuses


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"step": 3}, TypeError, "step must be a function of the number of the step; got 3"),
        ({"steps": 0}, ValueError, "steps must be a whole number of at least 1; got 0"),
        ({"steps": 2.5}, ValueError, r"steps must be a whole number of at least 1; got 2\.5"),
        ({"every": 0}, ValueError, "every must be a whole number of at least 1; got 0"),
        ({"state": [1]}, TypeError, "state must be a dict, such as {'model': model}; got a list"),
        ({"checkpoint": "run.npz"}, ValueError, "checkpoint= needs state="),
        ({"resume": True}, ValueError, "resume=True needs checkpoint="),
        ({"state": {"step": numpy.ones(1)}}, ValueError, "state has the name 'step', which fit needs for itself"),
        ({"state": {"epoch": 3}}, TypeError, "epoch is of type int, which cannot be restored in place"),
    ],
)
def test_what_fit_refuses(settings, error, message):
    with pytest.raises(error, match=message):
        mg.fit(**{"step": lambda j: 1.0, "steps": 3} | settings)


# The history


@given(steps=st.sets(st.integers(1, 50), min_size=1), values=st.data())
def test_a_history_gives_back_what_it_was_told(steps, values):
    history, expected = mg.History(), {"a": {}, "b": {}}
    for step in sorted(steps):
        metrics = values.draw(st.dictionaries(st.sampled_from("ab"), st.floats(allow_nan=False)))
        history.record(step, **metrics)
        for name, value in metrics.items():
            expected[name][step] = value
    copy = mg.History()
    copy.load_state_dict(history.state_dict())
    for record in (history, copy):
        assert record.last == max(steps)
        assert set(record.names) == {name for name in expected if expected[name]}
        for name in record.names:
            assert dict(zip(record.steps_of(name).tolist(), record[name].tolist(), strict=True)) == expected[name]
        assert record.steps.tolist() == sorted(expected["a"].keys() | expected["b"].keys())


def test_a_metric_may_have_any_name():
    history = mg.History()
    history.record(1, step=1.0, self=2.0)
    assert history.names == ["step", "self"]
    assert repr(history) == "History(step=1, step=1, self=2)"


def test_what_a_history_refuses():
    history = mg.History()
    history.record(2, loss=1.0)
    for step in (2, 1, 0, -1, 2.5, True):
        with pytest.raises(ValueError, match=rf"steps are whole numbers that grow; got {step} after 2"):
            history.record(step, loss=1.0)
    with pytest.raises(TypeError, match="must be one number"):
        history.record(3, loss=1.0, other=None)
    assert (history.last, history["loss"].tolist()) == (2, [1.0]), "a step with a wrong metric is not recorded at all"
    for ask in (lambda: history["los"], lambda: history.steps_of("los"), lambda: history.plot("los")):
        with pytest.raises(KeyError, match="there is no metric 'los'; recorded are: loss"):
            ask()


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {},
        lambda state: state | {"step": 1},
        lambda state: {"step": float("inf"), "metrics": {}},
        lambda state: {"step": -4, "metrics": {}},
        lambda state: {"step": 2.9, "metrics": {}},
        lambda state: state | {"metrics": 3},
        lambda state: state | {"metrics": {"loss": {"steps": numpy.array([1, 2])}}},
        lambda state: state | {"metrics": {"loss": {"steps": numpy.array([1]), "values": numpy.array([1.0, 2.0])}}},
        lambda state: state | {"metrics": {"loss": {"steps": numpy.array([2, 1]), "values": numpy.array([1.0, 2.0])}}},
        lambda state: state | {"metrics": {"loss": {"steps": numpy.array([0, 1]), "values": numpy.array([1.0, 2.0])}}},
        lambda state: state | {"metrics": {"loss": {"steps": numpy.array([1.5]), "values": numpy.array([1.0])}}},
        lambda state: state | {"metrics": {"loss": {"steps": numpy.array([1]), "values": numpy.array(["a"])}}},
    ],
)
def test_a_state_that_is_none_of_a_history_changes_nothing(change):
    history = mg.History()
    history.record(2, loss=1.0)
    with pytest.raises(mg.nn.StateError, match="this is not the state of a History"):
        history.load_state_dict(change(history.state_dict()))
    assert history.steps.tolist() == [2]


# Its picture


@pytest.fixture
def recorded():
    history = mg.History()
    rng = numpy.random.default_rng(0)
    for j in range(1, 201):
        metrics = {"critic": 1.0 / j + 0.05 * rng.uniform()}
        history.record(j, **metrics | ({"rare": rng.uniform()} if j % 50 == 0 else {}))
    return history


def axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_a_plot_shows_the_values_over_their_steps(recorded):
    ax = recorded.plot("critic", ax=axes())
    (line,) = ax.lines
    assert line.get_xdata().tolist() == recorded.steps.tolist()
    assert line.get_ydata().tolist() == recorded["critic"].tolist()
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend(), ax.get_yscale()) == ("step", "critic", None, "linear")
    assert recorded.plot("critic", ax=axes(), log=True).get_yscale() == "log"


def test_several_metrics_have_a_legend_and_lines_that_differ():
    history = mg.History()
    names = [f"m{i}" for i in range(10)]
    for j in (1, 2):
        history.record(j, **dict.fromkeys(names, 1.0))
    ax = history.plot(ax=axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 10
    assert [text.get_text() for text in history.plot("m3", "m1", ax=axes()).get_legend().get_texts()] == ["m3", "m1"]


@given(count=st.integers(2, 300))
def test_a_smooth_line_is_the_mean_over_the_last_steps(recorded, count):
    behind, line, _, rare = recorded.plot(ax=axes(), smooth=count).lines
    steps, values = recorded.steps, recorded["critic"]
    assert close(line.get_ydata(), [values[(step - count < steps) & (steps <= step)].mean() for step in steps])
    if count <= 50:
        assert rare.get_ydata().tolist() == recorded["rare"].tolist()
    assert behind.get_ydata().tolist() == values.tolist()
    assert behind.get_alpha() < 0.5


def test_a_new_figure_is_made_without_changing_the_settings(recorded):
    import matplotlib
    from matplotlib import pyplot as plt

    backend = matplotlib.get_backend()
    plt.switch_backend("agg")
    before = dict(matplotlib.rcParams)
    ax = recorded.plot()
    assert ax.figure.number in plt.get_fignums()
    assert dict(matplotlib.rcParams) == before
    plt.close(ax.figure)
    plt.switch_backend(backend)


def test_what_a_plot_refuses():
    history = mg.History()
    with pytest.raises(ValueError, match="there is nothing to draw: the history has no metrics yet"):
        history.plot(ax=axes())
    history.record(1, loss=-1.0)
    with pytest.raises(ValueError, match=r"log=True needs positive values; loss goes down to -1\.0"):
        history.plot(ax=axes(), log=True)
    for smooth in (0, 2.5):
        with pytest.raises(ValueError, match=rf"smooth must be a whole number of at least 1; got {smooth}"):
            history.plot(ax=axes(), smooth=smooth)
    assert len(history.plot(ax=axes(), smooth=numpy.int64(2)).lines) == 2
