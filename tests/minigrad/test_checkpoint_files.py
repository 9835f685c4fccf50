"""The file of a checkpoint: whole or refused, old or new, whatever happens to it and to the process that writes it."""

import hashlib
import io
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.checkpoint import archive
from minigrad.checkpoint.replacing import replacing


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


# Damage


@pytest.fixture
def saved(path):
    """A checkpoint, and objects with another state that it could be loaded into."""
    mg.save(path, x=numpy.arange(3.0), rng=numpy.random.default_rng(0), step=7)
    return path, {"x": numpy.ones(3), "rng": numpy.random.default_rng(1)}


def refused(path, objects, match=None):
    """Check that the file is refused, and that the objects keep all their bits."""
    states = [objects["x"].tobytes(), objects["rng"].bit_generator.state]
    with pytest.raises(mg.CheckpointError, match=match):
        mg.load(path, **objects)
    assert [objects["x"].tobytes(), objects["rng"].bit_generator.state] == states


def test_every_flipped_bit_is_noticed(saved):
    path, objects = saved
    whole = path.read_bytes()
    rng = random.Random(0)
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1 << rng.randrange(8)]) + whole[i + 1 :])
        refused(path, objects)
    path.write_bytes(whole)
    assert mg.load(path, **objects) == {"step": 7}


def test_every_cut_is_noticed(saved):
    path, objects = saved
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        refused(path, objects, "is no checkpoint, or was cut short")


@settings(max_examples=100)
@given(data=st.data())
def test_every_change_of_length_or_order_is_noticed(saved, data):
    path, objects = saved
    mg.save(path, x=numpy.arange(3.0), rng=numpy.random.default_rng(0), step=7)
    whole = path.read_bytes()
    a, b, c = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=3, max_size=3)))
    extra = data.draw(st.binary(min_size=1, max_size=20))
    for changed in (
        whole[:a] + extra + whole[a:],
        whole[:a] + extra + whole[b:],
        whole[:a] + whole[b:],
        whole[:a] + whole[b:c] + whole[a:b] + whole[c:],
        whole + whole[a:],
    ):
        if changed != whole:
            path.write_bytes(changed)
            refused(path, objects)


def test_memory_stays_below_twice_the_file(path):
    x, y = numpy.zeros(500_000), nn.Linear(700, 700)
    adam = optim.Adam(y.parameters(), 0.1)
    y(numpy.ones((1, 700), "float32")).sum().backward()
    adam.step()
    mg.save(path, x=x, y=y, adam=adam)
    whole = path.read_bytes()
    for name, content in (
        ("whole", whole),
        ("cut", whole[: len(whole) // 2]),
        ("flipped", whole[:5000] + b"!" + whole[5001:]),
        ("foreign", os.urandom(len(whole))),
    ):
        path.write_bytes(content)
        tracemalloc.start()
        try:
            mg.load(path, x=x, y=y, adam=adam)
        except mg.CheckpointError:
            assert name != "whole"
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < (2.0 if name == "whole" else 0.3) * len(content) + 3e6, name


# Files that are no checkpoints, some of them made on purpose


def members(*named, and_then=lambda made: None):
    """Make a zip archive with a right seal."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in named:
            made.writestr(name, content)
        and_then(made)
        made.comment = archive.SEAL + bytes(archive.DIGITS)
    return sealed(file.getvalue())


def sealed(content):
    body = content[: -archive.DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def npy(array):
    file = io.BytesIO()
    numpy.save(file, array)
    return file.getvalue()


def header(shape, descr="<f8"):
    file = io.BytesIO()
    numpy.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": descr})
    return file.getvalue()


def manifest(tree=0, version=1, kind="value"):
    entries = {"it": {"kind": kind, "tree": tree}}
    return written_as(json.dumps({"format": "minigrad checkpoint", "version": version, "entries": entries}))


def written_as(text):
    return "manifest.npy", npy(numpy.frombuffer(text.encode(), "uint8"))


def deep(levels):
    return '{"format": "minigrad checkpoint", "version": 1, "entries": ' + "[" * levels + "]" * levels + "}"


def compressed(made):
    """Add a member that is compressed, but so small that all members together are not larger than the file."""
    made.writestr("0.npy", npy(numpy.zeros(10)), compress_type=zipfile.ZIP_LZMA)


def nested():
    """Make an archive with an array inside of the bytes of another one, as in a zip bomb without compression."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("1.npy", npy(numpy.zeros(1000)))
        (info,) = made.infolist()
        inner = file.getvalue()

    def say_it_twice(made):
        info.header_offset = made.fp.tell() - len(inner)
        made.filelist.append(info)

    outer = ("0.npy", npy(numpy.frombuffer(inner, "uint8")))
    return members(manifest([{"array": 0}, {"array": 1}]), outer, and_then=say_it_twice)


ONE = {"array": 0}
WRONG_SIZE = "not the size that it claims"
TWO_NUMBERS = "0.npy", npy(numpy.ones(2))
CRAFTED = {
    "no manifest": (members(TWO_NUMBERS), "no item named 'manifest.npy'"),
    "a manifest that is no JSON": (members(written_as("{")), "Expecting property name"),
    "a manifest of another program": (members(written_as('{"format": "pictures"}')), "it is a 'pictures'"),
    "a manifest that is a number": (members(written_as("3")), "not subscriptable"),
    "a manifest that is too deep": (members(written_as(deep(100_000))), "recursion"),
    "an array that is missing": (members(manifest(ONE)), "a value of an unknown kind"),
    "an array of another number": (members(manifest({"array": -1}), TWO_NUMBERS), "a value of an unknown kind"),
    "an unknown kind of entry": (members(manifest(kind="code")), "unknown kinds {'code'}"),
    "an unknown kind of value": (members(manifest({"code": "print()"})), "a value of an unknown kind"),
    "an integer that is none": (members(manifest({"int": "0xg"})), "invalid literal for int"),
    "a huge shape": (members(manifest(ONE), ("0.npy", header((10**12,)))), WRONG_SIZE),
    "a shape that overflows": (
        members(manifest(ONE), ("0.npy", header((2**40, 2**40)))),
        "not the size that it claims",
    ),
    "a negative shape": (
        members(manifest(ONE), ("0.npy", header((-1, -2)) + bytes(16))),
        "one unknown dimension|negative",
    ),
    "a shape that is none": (members(manifest(ONE), ("0.npy", header("x"))), "shape is not valid"),
    "bytes after the array": (members(manifest(ONE), ("0.npy", TWO_NUMBERS[1] + b"!")), WRONG_SIZE),
    "an array that is cut": (members(manifest(ONE), ("0.npy", TWO_NUMBERS[1][:-1])), WRONG_SIZE),
    "objects": (members(manifest(ONE), ("0.npy", header((1,), "|O") + b"cos\nsystem\n.")), "is of type object"),
    "records": (members(manifest(ONE), ("0.npy", header((1,), [("x", "<f8")]) + bytes(8))), "is of type"),
    "text": (members(manifest(ONE), ("0.npy", npy(numpy.array(["a"])))), "is of type <U1"),
    "an empty array file": (members(manifest(ONE), ("0.npy", b"")), "magic string"),
    "compressed members": (members(manifest(ONE), and_then=compressed), "it has compressed members"),
    "members inside of others": (nested(), "its members are larger than the file"),
    "nothing": (b"", "does not end with the checksum"),
    "no zip": (sealed(b"x" * 100 + archive.SEAL + bytes(archive.DIGITS)), "not a zip file"),
    "the seal alone": (sealed(archive.SEAL + bytes(archive.DIGITS)), "not a zip file"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(500), "does not end with the checksum"),
}


@pytest.mark.parametrize("what", CRAFTED)
def test_a_foreign_file_is_refused_without_taking_memory(saved, what):
    path, objects = saved
    content, reason = CRAFTED[what]
    path.write_bytes(content)
    tracemalloc.start()
    refused(path, objects, match=rf"is no checkpoint.*({reason})")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(content) + 2e6


def test_a_plain_npz_and_a_folder_are_refused(saved, tmp_path):
    _, objects = saved
    numpy.savez(tmp_path / "arrays.npz", x=numpy.ones(3))
    refused(tmp_path / "arrays.npz", objects, "does not end with the checksum that save writes")
    refused(tmp_path, objects, "it is a folder")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", objects, "it is a device")


def test_a_newer_version_is_refused_and_says_what_to_do(saved):
    path, objects = saved
    path.write_bytes(members(manifest(version=2)))
    refused(path, objects, "written by a newer minigrad .* format is 2, and this one reads up to 1.*update minigrad")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*run\.npz"):
        mg.load(tmp_path / "run.npz")


# The file


def test_exactly_the_path_is_written(tmp_path):
    for name in ("run", "run.ckpt", "räume und zeiten.npz", "x" * 250, "ü" * 125):
        mg.save(tmp_path / name, step=1)
        mg.save(str(tmp_path / name), step=2)
        assert mg.load(tmp_path / name) == {"step": 2}
        mg.save(os.fsencode(tmp_path / name), step=3)
        assert mg.load(os.fsencode(tmp_path / name)) == {"step": 3}
    assert len(os.listdir(tmp_path)) == 5


def test_places_that_cannot_be_written(tmp_path, path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing; make it first"):
        mg.save(tmp_path / "missing" / "run.npz", step=1)
    with pytest.raises(OSError, match="there is a folder of this name"):
        mg.save(tmp_path, step=1)
    with pytest.raises(OSError, match="there is a device of this name"):
        mg.save(os.devnull, step=1)
    with pytest.raises(TypeError, match="not BytesIO"):
        mg.save(io.BytesIO(), step=1)
    with pytest.raises(OSError, match="too long") as caught:
        mg.save(tmp_path / ("x" * 300), step=1)
    assert ".saving" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="permissions and links are those of POSIX")
def test_permissions_follow_the_umask_and_then_the_file(path):
    old = os.umask(0o027)
    try:
        mg.save(path, step=1)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o600)
    mg.save(path, step=2)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions and links are those of POSIX")
def test_a_link_stays_a_link(tmp_path, path):
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere" / "real.npz")
    for step in (1, 2):
        mg.save(path, step=step)
        assert path.is_symlink()
        assert mg.load(tmp_path / "elsewhere" / "real.npz") == {"step": step}
    assert os.listdir(tmp_path / "elsewhere") == ["real.npz"]


@pytest.mark.skipif(os.name != "posix", reason="the limit is that of POSIX")
def test_a_save_that_fails_in_the_middle_leaves_no_trace(path):
    import resource

    mg.save(path, step=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            mg.save(path, step=2, x=numpy.zeros(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert mg.load(path) == {"step": 1}
    assert os.listdir(path.parent) == ["run.npz"]


def test_what_a_killed_save_left_is_cleared_away(path):
    left = path.parent / ".run.npz.0123456789abcdef.saving"
    others = {".run.npz.mine.saving", ".other.npz.0123456789abcdef.saving"}
    for name in (left.name, *others):
        (path.parent / name).write_bytes(b"half")
    mg.save(path, step=1)
    assert set(os.listdir(path.parent)) == {"run.npz", *others}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")
def test_a_save_that_stands_still_blocks_nobody_and_keeps_its_file(path):
    """A process that is stopped in the middle of a save, and one that was forked from it there."""
    mg.save(path, step=1)
    with replacing(path) as file:
        file.write(b"slow")
        (temporary,) = set(os.listdir(path.parent)) - {path.name}
        waiting, end = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(end)
            os.read(waiting, 1)  # until the parent has ended
            os._exit(0)
        os.close(waiting)
        mg.save(path, step=2)
        mg.save(path.with_name("other.npz"), step=2)
        assert mg.load(path) == {"step": 2}
        assert temporary in os.listdir(path.parent), "it is no leftover, since its writer lives"
    assert path.read_bytes() == b"slow"
    mg.save(path, step=3)
    assert mg.load(path) == {"step": 3}
    assert set(os.listdir(path.parent)) == {"run.npz", "other.npz"}
    os.close(end)
    os.waitpid(pid, 0)


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_end(path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace

    def recorded_fsync(descriptor):
        status = os.fstat(descriptor)
        calls.append("folder" if stat.S_ISDIR(status.st_mode) else status.st_size)
        fsync(descriptor)

    def recorded_replace(*names):
        calls.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    mg.save(path, x=numpy.zeros(1000))
    assert calls == [path.stat().st_size, "rename", "folder"]


def test_threads_that_save_to_one_path_do_not_disturb_each_other(path):
    failures = []

    def save_often(number):
        try:
            for _ in range(20):
                mg.save(path, number=number, x=numpy.full(1000, number))
                loaded = mg.load(path)
                assert (loaded["x"] == loaded["number"]).all()
        except Exception as error:
            failures.append(error)

    with mg.use("numpy"):
        threads = [threading.Thread(target=save_often, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
    assert os.listdir(path.parent) == ["run.npz"]


# Real processes, really killed


def kill(what, folder, seed):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [sys.executable, "-m", "tests.minigrad.killing", what, str(folder), str(seed)]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert not result.returncode, result.stdout + result.stderr


@pytest.mark.skipif(os.name != "posix", reason="the processes are forked")
def test_after_200_kills_during_a_save_the_last_good_checkpoint_loads(tmp_path):
    kill("saving", tmp_path / "folder", seed=0)


@pytest.mark.skipif(os.name != "posix", reason="the processes are forked")
def test_a_training_that_is_killed_and_resumed_ends_with_the_same_bits(tmp_path):
    for seed in range(3):
        kill("training", tmp_path / "folder", seed)
