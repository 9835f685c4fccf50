"""Checkpoints: what is loaded is what was saved, to the bit, or nothing is loaded at all."""

import collections
import enum
import io
import json
import os
import struct

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend import current
from minigrad.nn.module import StateError
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")

GENERATORS = [numpy.random.PCG64, numpy.random.PCG64DXSM, numpy.random.MT19937, numpy.random.Philox, numpy.random.SFC64]

dtypes = st.sampled_from(["?", "i1", "i8", "u1", "u4", "u8", "f2", "f4", "f8", "c16", ">f8", ">i2"])
arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.text(st.characters()),
    arrays,
)
texts = st.text(st.characters(), max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def on(x):
    return current().asarray(x)


def bits(value):
    """Give a value in a form in which two are equal only if they are the same to the bit, types and NaN included."""
    if isinstance(value, mg.Tensor) or hasattr(value, "dtype"):
        host = mg.asnumpy(value)
        return "array", host.dtype.str, host.shape, host.tobytes()
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [bits(part) for part in value]
    return type(value), struct.pack("d", value) if isinstance(value, float) else value


# What is saved comes back


@given(tree=trees)
@example(tree={"dict": {"array": 0}, "tuple": [1], "int": "0x1", "float": "nan", "": ()})
@example(tree=[-0.0, float("nan"), float("-inf"), 5e-324, 0.1, True, 1, 10**5000, -(2**63), "\ud800\0é"])
@example(tree=numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3))[:, ::-1])
def test_a_tree_comes_back_as_it_was(path, tree):
    mg.save(path, tree=tree, again=[tree])
    loaded = mg.load(path)
    assert bits(loaded) == bits({"tree": tree, "again": [tree]})


@given(x=ms.arrays())
def test_arrays_come_back_on_the_active_backend(path, x):
    mg.save(path, array=on(x), tensor=mg.tensor(x), nested={"x": (on(x),)}, scalar=numpy.float32(0.5))
    loaded = mg.load(path)
    parts = loaded["array"], loaded["tensor"], loaded["nested"]["x"][0]
    assert all(isinstance(part, current().ndarray) for part in (*parts, loaded["scalar"]))
    assert [bits(part) for part in parts] == [bits(x)] * 3
    assert loaded["scalar"].item() == 0.5


def test_values_of_subclasses_come_back_as_the_plain_ones(path):
    point = collections.namedtuple("point", "x y")
    color = enum.IntEnum("color", "RED GREEN")
    name = enum.StrEnum("name", ["CRITIC"])
    tree = [point(1, 2.0), collections.OrderedDict(a=1), color.GREEN, name.CRITIC, {name.CRITIC: 1}, numpy.str_("é")]
    mg.save(path, tree=tree)
    assert bits(mg.load(path)["tree"]) == bits([(1, 2.0), {"a": 1}, 2, "critic", {"critic": 1}, "é"])


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_generator_goes_on_as_it_would_have(path, kind):
    rng, other = numpy.random.Generator(kind(1)), numpy.random.Generator(kind(2))
    rng.integers(10, dtype="int32")  # half of a word is left over
    mg.save(path, rng=rng)
    assert mg.load(path, rng=other) == {}
    assert bits(rng.bit_generator.state) == bits(other.bit_generator.state)
    assert rng.standard_normal(5).tolist() == other.standard_normal(5).tolist()


def test_tensors_and_arrays_are_overwritten_in_place(path):
    x, y, z = numpy.array([1.5, 2.5], "float32"), numpy.array(3), numpy.array([[1.0, 2.0]])
    mg.save(path, x=x, y=on(y), z=z)
    tensor, array, host = mg.tensor([0.0, 0.0], "float32", requires_grad=True), on(numpy.array(0)), numpy.zeros((1, 2))
    stale = (tensor * tensor).sum()
    before = tensor.data
    assert mg.load(path, x=tensor, y=array, z=host) == {}
    assert tensor.data is before
    assert [bits(tensor), bits(array), bits(host)] == [bits(x), bits(y), bits(z)]
    with pytest.raises(mg.GraphError, match="changed in place"):
        stale.backward()


def training(seed=0, dtype="float32"):
    """Make one of everything that a training has, and the step that changes it all."""
    rng = numpy.random.Generator(numpy.random.MT19937(seed))
    layers = nn.Linear(3, 4, rng=rng, dtype=dtype), nn.BatchNorm1d(4, dtype=dtype), nn.Dropout(0.2, rng=rng)
    model = nn.Sequential(*layers, nn.Linear(4, 1, rng=rng, dtype=dtype))
    objects = {
        "model": model,
        "adam": optim.Adam(model[0].parameters(), optim.Cosine(0.1, 50)),
        "momentum": optim.SGD(model[3].parameters(), 0.1, momentum=0.5),
        "batches": mg.data.batches(numpy.sin(numpy.arange(18.0)).reshape(6, 3).astype(dtype), None, 2, rng),
        "rng": rng,
        "total": on(numpy.zeros(())),
        "history": mg.History(),
    }

    def step(j):
        model.zero_grad()
        loss = (model(objects["batches"].next_batch()) ** 2).mean()
        loss.backward()
        objects["adam"].step()
        objects["momentum"].step()
        objects["total"] += float(loss)
        objects["history"].record(j, loss=loss)

    return objects, step


def all_bits(objects):
    states = {name: value.state_dict() for name, value in objects.items() if hasattr(value, "state_dict")}
    return bits([states, objects["rng"].bit_generator.state, objects["total"]])


@given(before=st.integers(0, 4), after=st.integers(1, 4))
def test_a_restored_training_goes_on_to_the_bit(path, before, after):
    objects, step = training(seed=0)
    for j in range(1, before + 1):
        step(j)
    mg.save(path, **objects, step=before)
    others, other_step = training(seed=1)
    other_step(1)
    assert mg.load(path, **others) == {"step": before}
    for j in range(before + 1, before + after + 1):
        step(j)
        other_step(j)
    assert all_bits(others) == all_bits(objects)


def test_a_checkpoint_changes_the_backend(path):
    objects, step = training()
    step(1)
    mg.save(path, **objects)
    expected = all_bits(objects)
    for name in ("numpy", "fake"):
        with mg.use(name):
            others, _ = training(seed=1)
            mg.load(path, **others)
            assert all_bits(others) == expected


def test_what_is_not_asked_for_is_left_alone(path):
    objects, _ = training()
    mg.save(path, **objects, epoch=3)
    others, _ = training(seed=1)
    before = all_bits(others)
    plain = mg.load(path)
    assert plain.keys() == {"total", "epoch"}, "objects stay in the file, arrays and plain values are returned"
    assert all_bits(others) == before


def test_numpy_and_every_reader_of_json_can_read_the_file(path):
    mg.save(path, x=numpy.arange(3), text="é", nan=float("nan"))
    with numpy.load(path) as file:
        manifest = json.loads(bytes(file["manifest"]), parse_constant=pytest.fail)  # NaN is no JSON
        assert file["0"].tolist() == [0, 1, 2]
    assert manifest["entries"]["text"] == {"kind": "value", "tree": "é"}


def test_the_same_state_gives_the_same_bytes(path):
    objects, step = training()
    step(1)
    mg.save(path, **objects)
    first = path.read_bytes()
    mg.save(path, **objects)
    assert path.read_bytes() == first


# What does not fit


class Careless:
    """An object that changes before it looks."""

    def __init__(self):
        self.x, self.y = 1.0, 2.0

    def state_dict(self):
        return {"x": self.x, "y": self.y}

    def load_state_dict(self, state):
        self.x = state["x"]
        self.y = float(state["y"])


def misfits():
    """Give for every kind of object one that the saved state of `training` does not fit."""
    return {
        "model": nn.Linear(2, 2),
        "adam": optim.SGD([mg.tensor([1.0], requires_grad=True)], 0.1),
        "momentum": optim.SGD([mg.tensor([1.0], requires_grad=True)], 0.1),
        "batches": mg.data.batches(numpy.ones(4), None, 2, numpy.random.default_rng(0)),
        "rng": numpy.random.default_rng(0),
        "total": on(numpy.zeros((), "float32")),
        "history": Careless(),
    }


@given(data=st.data())
def test_if_one_object_does_not_fit_all_keep_their_bits(path, data):
    objects, step = training()
    step(1)
    mg.save(path, **objects)
    others, other_step = training(seed=1)
    other_step(1)
    before = all_bits(others)
    wrong = data.draw(st.sampled_from(sorted(misfits())))
    order = data.draw(st.permutations(sorted(others)))
    with pytest.raises(mg.CheckpointError, match=rf"{wrong} in .* does not fit, so nothing was changed: "):
        mg.load(path, **{name: misfits()[wrong] if name == wrong else others[name] for name in order})
    assert all_bits(others) == before


def test_an_object_that_changed_before_it_refused_is_put_back(path):
    saved, careless, x = Careless(), Careless(), on(numpy.zeros(2))
    saved.x, saved.y = 5.0, "six"
    mg.save(path, x=numpy.ones(2), careless=saved)
    with pytest.raises(mg.CheckpointError, match=r"careless in .* so nothing was changed: could not convert"):
        mg.load(path, x=x, careless=careless)
    assert (careless.x, careless.y, x.tolist()) == (1.0, 2.0, [0.0, 0.0])


class Sharing:
    """An object that gives its own list, and takes over the one that it is given."""

    def __init__(self, values):
        self.values = values

    def state_dict(self):
        return {"values": self.values}

    def load_state_dict(self, state):
        self.values[:] = state["values"]


def test_an_object_that_gives_its_own_list_is_put_back_too(path):
    mg.save(path, it=Sharing([1, 2]), x=numpy.ones(2))
    it = Sharing([3, 4])
    with pytest.raises(mg.CheckpointError, match=r"x in .* so nothing was changed"):
        mg.load(path, it=it, x=numpy.ones(3))
    assert it.values == [3, 4]


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("interrupt", [ValueError, KeyboardInterrupt])
def test_an_object_that_cannot_be_put_back_is_named(path, interrupt, readable):
    class Final(Careless):
        def state_dict(self):
            if self.x != 1.0 and not readable:
                raise RuntimeError("not even that")
            return super().state_dict()

        def load_state_dict(self, state):
            if self.x != 1.0:
                raise RuntimeError("only once")
            self.x = state["x"]

    class Interrupted(Careless):
        def load_state_dict(self, state):
            if state["x"] == 7.0:
                raise interrupt

    saved, final, x = Careless(), Final(), on(numpy.zeros(2))
    saved.x = 7.0
    mg.save(path, final=saved, x=numpy.ones(2), it=saved)
    with pytest.raises((mg.CheckpointError, KeyboardInterrupt)) as caught:
        mg.load(path, x=x, final=final, it=Interrupted())
    told = str(caught.value) if interrupt is ValueError else caught.value.__notes__[0]
    assert "final could not be put back to the old state" in told
    assert "nothing was changed" not in told
    assert (final.x, x.tolist()) == (7.0, [0.0, 0.0])


def test_an_interrupt_puts_everything_back(path):
    class Interrupted(Careless):
        def load_state_dict(self, state):
            super().load_state_dict(state)
            if self.x == 5.0:
                raise KeyboardInterrupt

    x, saved, interrupted = on(numpy.zeros(2)), Careless(), Interrupted()
    saved.x = 5.0
    mg.save(path, x=numpy.ones(2), it=saved)
    with pytest.raises(KeyboardInterrupt):
        mg.load(path, x=x, it=interrupted)
    assert (interrupted.x, x.tolist()) == (1.0, [0.0, 0.0])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (lambda: numpy.zeros(3), r"float64 of shape \(2,\), and the array to overwrite is float64 of shape \(3,\)"),
        (lambda: mg.tensor([0, 0]), r"is float64 of shape \(2,\), and the array to overwrite is int64 of shape \(2,\)"),
        (lambda: mg.tensor([0.0, 0.0], requires_grad=True) * 2.0, "result of an operation, and only a leaf can be"),
        (lambda: numpy.broadcast_to(numpy.zeros(1), (2,)), "read-only"),
    ],
)
def test_an_array_that_cannot_be_overwritten(path, target, message):
    mg.save(path, x=numpy.ones(2), y=numpy.ones(2))
    y, x = on(numpy.zeros(2)), target()
    with pytest.raises(mg.CheckpointError, match=rf"so nothing was changed: .*{message}"):
        mg.load(path, y=y, x=x)
    assert not mg.asnumpy(x).any()
    assert y.tolist() == [0.0, 0.0]


def test_what_load_refuses(path):
    mg.save(path, model=nn.Linear(1, 1), step=3, x=numpy.ones(2))
    with pytest.raises(mg.CheckpointError, match=r"no entry 'modle'; it has: model \(the state of an object\), step"):
        mg.load(path, modle=nn.Linear(1, 1))
    with pytest.raises(mg.CheckpointError, match=r"step in .* is a plain value, and the state of an object is needed"):
        mg.load(path, step=nn.Linear(1, 1))
    with pytest.raises(mg.CheckpointError, match=r"model in .* is the state of an object, and an array is needed"):
        mg.load(path, model=numpy.ones(2))
    with pytest.raises(TypeError, match="step is of type int, which cannot be restored in place"):
        mg.load(path, step=0)
    with pytest.raises(TypeError, match="not BytesIO"):
        mg.load(io.BytesIO())


# What cannot be saved, and what a save leaves alone


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {2}]}, r"it\['a'\]\[1\] is a set, which cannot be saved; a checkpoint holds dicts, lists"),
        ({"a": {1: 2}}, r"it\['a'\] has the key 1; keys must be text, so write str\(1\)"),
        (numpy.array([None]), "it is an array of type object; a checkpoint holds arrays of numbers"),
        ([numpy.array(["a"])], r"it\[0\] is an array of type <U1"),
        (numpy.ma.masked_array([1.0], [True]), "masked"),
        ([nn.ReLU()], r"it\[0\] is a ReLU, which cannot be saved inside of another entry; give it a name of its own"),
        ((numpy.random.default_rng(0),), r"it\[0\] is a Generator, .* name of its own"),
        (nn.Linear, "it is a type, which cannot be saved"),
        (print, "it is a builtin_function_or_method, which cannot be saved"),
        (b"bytes", "it is a bytes, which cannot be saved"),
        (numpy.datetime64("2020-01-01"), "type datetime64"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(path, value, message):
    mg.save(path, step=1)
    with pytest.raises(TypeError, match=message):
        mg.save(path, fine=2, it=value)
    assert mg.load(path) == {"step": 1}
    assert os.listdir(path.parent) == ["run.npz"]


def test_the_state_of_an_object_is_named_too(path):
    careless = Careless()
    careless.x = {1, 2}
    with pytest.raises(TypeError, match=r"it.state_dict\(\)\['x'\] is a set"):
        mg.save(path, it=careless)


def test_a_tree_that_holds_itself_is_refused(path):
    tree = [1]
    tree.append({"again": tree})
    with pytest.raises(ValueError, match=r"nested more than 100 levels deep, or holds itself"):
        mg.save(path, tree=tree)
    with pytest.raises(ValueError, match="nothing to save"):
        mg.save(path)


def test_a_deep_tree_can_be_saved_and_loaded(path):
    tree = 0
    for _ in range(100):
        tree = {"x": tree}
    mg.save(path, tree=tree)
    assert mg.load(path)["tree"] == tree


def test_the_state_error_of_a_module_is_the_cause(path):
    mg.save(path, model=nn.Linear(1, 1))
    with pytest.raises(mg.CheckpointError) as caught:
        mg.load(path, model=nn.Linear(2, 1))
    assert isinstance(caught.value.__cause__, StateError)
    assert isinstance(caught.value, ValueError)
