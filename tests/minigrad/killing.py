"""Real processes that are killed with SIGKILL at random moments, while they save and while they train.

It runs as a process of its own, ``python -m tests.minigrad.killing saving|training FOLDER SEED``, because it forks its
victims, which saves them the time of importing everything again.
"""

import os
import random
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy
from tqdm import tqdm

import minigrad as mg
from minigrad import nn, optim

KILLS = 200
SIZE = 30_000  # numbers in the array that is saved, so that a save takes about as long as the wait for the kill


def survives(work, seconds):
    """Run work in another process, kill that after so many seconds, and tell whether it had ended by itself."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or not os.WEXITSTATUS(status), "the work failed"
    return os.WIFEXITED(status)


def kill_while_saving(folder, rng):
    """After every kill the file holds the last save that was done, or the one that was just ending."""
    path, half_done = folder / "run.npz", 0
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    count = 0

    def save_forever():
        step = count
        while True:
            step += 1
            mg.save(path, step=step, x=numpy.full(SIZE, step), text=str(step))
            os.write(writing, step.to_bytes(8, "little"))

    mg.save(path, step=0, x=numpy.zeros(SIZE, int), text="0")
    for _ in range(KILLS):
        assert not survives(save_forever, rng.uniform(0.0, 0.02))
        try:
            reported = int.from_bytes(os.read(reading, 1 << 20)[-8:], "little")
        except BlockingIOError:
            reported = count
        state = mg.load(path)
        assert state["step"] in (reported, reported + 1)
        assert state["text"] == str(state["step"])
        assert (state["x"] == state["step"]).all()
        count = state["step"]
        left = {entry.name for entry in folder.iterdir()} - {path.name}
        assert len(left) <= 1, "what is left behind does not pile up"
        half_done += len(left)
    mg.save(path, step=0)
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    print(f"{count} saves, {half_done} of {KILLS} kills in the middle of one")
    assert count
    assert half_done


def network(rng):
    layers = nn.Linear(4, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2, rng=rng), nn.Linear(8, 2, rng=rng)
    return nn.Sequential(*layers)


def train(checkpoint, result, steps=60):
    """Train two networks against each other, with noise on the inputs of one and an optimizer for each."""
    rng = numpy.random.Generator(numpy.random.MT19937(0))
    student, teacher = network(rng), network(rng)
    adam = optim.Adam(student.parameters(), optim.Warmup(5, optim.Cosine(0.05, steps)))
    momentum = optim.SGD(teacher.parameters(), 0.001, momentum=0.9)
    x = rng.standard_normal((20, 4)).astype("float32")
    batches = mg.data.batches(x, None, 6, rng)

    def step(j):
        batch = batches.next_batch()
        noisy = batch + rng.normal(size=batch.shape).astype("float32")
        adam.zero_grad()
        momentum.zero_grad()
        loss = ((student(noisy) - teacher(batch)) ** 2).mean()
        loss.backward()
        adam.step()
        momentum.step()
        return loss

    state = {"student": student, "teacher": teacher, "adam": adam, "momentum": momentum, "batches": batches, "rng": rng}
    history = mg.fit(step, steps, state=state, checkpoint=checkpoint, every=3, resume=True)
    mg.save(result, student=student, teacher=teacher, history=history, weights=student.state_dict())


def kill_while_training(folder, rng):
    """A run that is killed and resumed again and again ends with the bits of one that was never interrupted."""
    start = time.perf_counter()
    train(folder / "whole.npz", folder / "expected.npz")
    longest, kills = 0.3 * (time.perf_counter() - start), 0
    while not survives(lambda: train(folder / "run.npz", folder / "result.npz"), rng.uniform(0.0, longest)):
        kills += 1
        longest *= 1.02  # so that it comes to an end also where the machine has become slower
    print(f"{kills} kills")
    assert (folder / "result.npz").read_bytes() == (folder / "expected.npz").read_bytes()


if __name__ == "__main__":
    # tqdm's own lock is shared by all forked processes: a victim killed while it holds it would block all later ones
    tqdm.set_lock(threading.RLock())
    kill = {"saving": kill_while_saving, "training": kill_while_training}[sys.argv[1]]
    kill(Path(sys.argv[2]), random.Random(int(sys.argv[3])))
