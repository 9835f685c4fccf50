"""Modules: what they consist of, their state, and their parameters as one vector."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.backend import current
from minigrad.testing import close
from minigrad.testing import strategies as ms

pytestmark = pytest.mark.usefixtures("each_backend")


def on(x):
    return current().asarray(x)


class Counting(nn.Module):
    """A layer with a parameter, a buffer, and a shared part."""

    def __init__(self, seed=0):
        rng = numpy.random.default_rng(seed)
        self.inner = nn.Linear(3, 3, rng=rng, dtype="float64")
        self.again = self.inner
        self.scale = nn.Parameter(rng.standard_normal(3))
        self.calls = nn.Buffer(numpy.asarray(0))

    def forward(self, x):
        self.calls.data += 1
        return self.again(self.inner(x)) * self.scale


def test_everything_inside_is_found_once_with_its_dotted_name():
    model = nn.Sequential(Counting(), nn.ReLU(), nn.Linear(3, 1))
    assert [name for name, _ in model.named_parameters()] == [
        "0.scale",
        "0.inner.weight",
        "0.inner.bias",
        "2.weight",
        "2.bias",
    ]
    assert [name for name, _ in model.named_buffers()] == ["0.calls"]
    assert [name for name, _ in model.named_modules()] == ["", "0", "0.inner", "1", "2"]


def test_a_module_inside_itself_is_walked_over_once_and_shown():
    module = nn.Module()
    module.myself = module
    assert len(list(module.named_modules())) == 1
    assert repr(module) == "Module(\n  (myself): ...\n)"


def test_training_is_switched_everywhere():
    model = nn.Sequential(Counting(), nn.Sequential(nn.ReLU()))
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    model.train()
    assert all(module.training for _, module in model.named_modules())


def test_containers_are_sequences():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(model) == 3
    assert isinstance(model[-1], nn.Linear)
    assert isinstance(model[:2], nn.Sequential)
    assert list(model[:2]) == [model[0], model[1]]
    blocks = nn.ModuleList([model[0], model[2]])
    assert isinstance(blocks[1:], nn.ModuleList)
    assert [name for name, _ in blocks.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]


@given(seed=st.integers(0, 100), x=ms.arrays((2, 3)))
def test_a_state_taken_out_and_put_in_gives_the_same_function(seed, x):
    model, other = Counting(seed), Counting(seed + 1)
    expected = model(on(x))
    other.load_state_dict({name: mg.asnumpy(array) for name, array in model.state_dict().items()})
    assert other.calls.item() == 1
    assert close(other(on(x)), expected)
    assert mg.asnumpy(other(on(x))).tolist() == mg.asnumpy(model(on(x))).tolist(), "bit for bit"


def test_a_state_is_a_copy():
    model = nn.Linear(2, 1)
    state = model.state_dict()
    model.weight.data += 1.0
    assert mg.asnumpy(state["weight"]).tolist() != model.weight.tolist()


def test_a_state_that_does_not_fit_lists_every_fault_and_changes_nothing():
    model = Counting()
    before = {name: array.tolist() for name, array in model.state_dict().items()}
    state = model.state_dict()
    state["extra"] = state.pop("scale")
    state["inner.weight"] = on(numpy.zeros((2, 3)))
    state["inner.bias"] = "zero"
    state["calls"] = on(numpy.asarray(1.5))
    with pytest.raises(nn.StateError) as fault:
        model.load_state_dict(state)
    assert str(fault.value).splitlines() == [
        "the state does not fit Counting; nothing was changed:",
        "  missing: scale",
        "  unexpected: extra",
        "  calls: needs whole numbers; got float64",
        "  inner.weight: needs shape (3, 3); got (2, 3)",
        "  inner.bias: needs an array of real numbers; got str",
    ]
    assert {name: array.tolist() for name, array in model.state_dict().items()} == before


def test_names_on_one_side_only_are_left_out_if_not_strict():
    model = nn.Linear(2, 1)
    model.load_state_dict({"bias": numpy.array([7.0]), "extra": numpy.zeros(3)}, strict=False)
    assert model.bias.tolist() == [7.0]
    assert model.bias.dtype == "float32"
    with pytest.raises(nn.StateError, match=r"needs shape \(1,\); got \(2,\)"):
        model.load_state_dict({"bias": numpy.zeros(2)}, strict=False)


def test_loading_between_forward_and_backward_is_noticed():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    loss = model(on(numpy.ones((1, 2), "float32"))).sum()
    model.load_state_dict(model.state_dict())
    with pytest.raises(mg.GraphError, match="changed"):
        loss.backward()


@given(seed=st.integers(0, 100), x=ms.arrays((2, 3)))
def test_the_gradient_in_the_vector_is_that_in_the_parameters_one_after_the_other(seed, x):
    model = Counting(seed)
    theta, unravel = nn.ravel(model)
    in_vector = mg.grad(lambda theta: (unravel(theta)(on(x)) ** 2).sum())(theta)
    (model(on(x)) ** 2).sum().backward()
    assert close(in_vector, numpy.concatenate([p.grad.numpy().ravel() for p in model.parameters()]), condition=100.0)


@given(seed=st.integers(0, 100))
def test_the_vector_leads_back(seed):
    model, other = Counting(seed), Counting(seed + 1)
    theta, unravel = nn.ravel(model)
    nn.load_vector(other, theta)
    assert mg.asnumpy(nn.ravel(other)[0]).tolist() == mg.asnumpy(theta).tolist()
    x = on(numpy.ones((2, 3)))
    assert mg.asnumpy(other(x)).tolist() == mg.asnumpy(unravel(theta)(x)).tolist()
    assert other.calls.item() == 1
    assert model.calls.item() == 1, "buffers are shared with the module of the vector"


def test_the_vector_is_a_copy_and_unravelling_leaves_the_module_alone():
    model = nn.Linear(2, 1)
    before = model.state_dict()
    theta, unravel = nn.ravel(model)
    theta += 1.0
    unravel(theta)(on(numpy.ones((1, 2), "float32")))
    assert {name: a.tolist() for name, a in model.state_dict().items()} == {n: a.tolist() for n, a in before.items()}
    assert model.weight.requires_grad


def test_a_bound_parameter_is_replaced_wherever_it_stands():
    model = Counting()
    twin = model.bound({"inner.weight": on(numpy.zeros((3, 3))), "inner.bias": on(numpy.zeros(3))})
    assert twin.again is twin.inner
    assert twin(on(numpy.ones((1, 3)))).tolist() == [[0.0, 0.0, 0.0]]
    assert model.inner.weight is not twin.inner.weight


def test_what_modules_refuse():
    model = Counting()
    with pytest.raises(TypeError, match="scale is a parameter, and would no longer be one"):
        model.scale = on(numpy.zeros(3))
    with pytest.raises(TypeError, match="calls is a buffer, and would no longer be one"):
        model.calls = 3
    with pytest.raises(TypeError, match=r"blocks is a plain list .* Use nn.ModuleList"):
        model.blocks = [nn.Linear(1, 1)]
    with pytest.raises(TypeError, match="blocks is a plain dict"):
        model.blocks = {"a": nn.Parameter([1.0])}
    with pytest.raises(TypeError, match="argument 0 is a type, so make it"):
        nn.Sequential(nn.ReLU)
    for nested in ([[nn.Linear(1, 1)]], {"a": [nn.Linear(1, 1)]}, ({"a": nn.Parameter([1.0])},)):
        with pytest.raises(TypeError, match=r"blocks is a plain .* with modules or parameters in it"):
            model.blocks = nested
    with pytest.raises(nn.StateError, match=r"no parameter 'gain'; it has: weight, bias"):
        nn.Linear(1, 1).bound({"gain": on(numpy.zeros(1))})
    for name in ("calls", "inner", "inner.weight.x", "training"):
        with pytest.raises(nn.StateError, match=f"Counting has no parameter '{name}'; it has: scale, inner.weight"):
            model.bound({name: on(numpy.asarray(0))})
    for wrong in ([1.0], None):
        with pytest.raises(TypeError, match="bound needs a mapping of names to arrays; got a"):
            model.bound(wrong)
        with pytest.raises(TypeError, match="load_state_dict needs a mapping of names to arrays; got a"):
            model.load_state_dict(wrong)
    with pytest.raises(mg.ShapeError, match=r"weight has shape \(1, 2\); got \(2, 1\)"):
        nn.Linear(2, 1).bound({"weight": on(numpy.zeros((2, 1)))})


def test_what_is_bound_may_be_a_list_and_may_be_bound_again():
    layer = nn.Linear(2, 1, dtype="float64")
    once = layer.bound({"weight": [[1.0, 2.0]], "bias": [0.0]})
    x = on(numpy.array([1.0, 1.0]))
    assert once(x).tolist() == [3.0]
    assert once.bound({"weight": [[5.0, 5.0]]})(x).tolist() == [10.0]
    assert once.bound({}).bound({"weight": [[5.0, 5.0]]})(x).tolist() == [10.0]


def test_children_modules_and_buffers_are_listed_once():
    relu = nn.ReLU()
    model = nn.Sequential(Counting(), relu, relu)
    assert model.children() == [model[0], relu]
    assert list(model.named_children()) == [("0", model[0]), ("1", relu)]
    assert model.modules() == [model, model[0], model[0].inner, relu]
    assert model.buffers() == [model[0].calls]
    assert len(model) == 3
    assert repr(model).count("ReLU()") == 2


def test_a_function_is_applied_to_each_module_once_and_to_the_whole_at_last():
    model, seen = nn.Sequential(Counting(), nn.ReLU()), []
    assert model.apply(seen.append) is model
    assert seen == [model[0], model[0].inner, model[1], model]


def test_containers_grow():
    blocks = nn.ModuleList([nn.ReLU()])
    assert blocks.append(nn.Linear(2, 1)) is blocks
    assert blocks.extend(nn.Tanh() for _ in range(2)) is blocks
    assert blocks.extend(blocks) is blocks
    assert [type(module).__name__ for module in blocks] == ["ReLU", "Linear", "Tanh", "Tanh"] * 2
    assert [name for name, _ in blocks.named_parameters()] == ["1.weight", "1.bias"]
    with pytest.raises(TypeError, match="ModuleList takes modules; argument 8 is a int"):
        blocks.append(3)


def test_an_attribute_with_the_name_of_settings_is_the_users():
    module = nn.Module()
    module.settings = {"depth": 3}
    assert repr(module) == "Module()"


def test_numbers_that_a_parameter_cannot_hold_are_refused():
    layer = nn.Linear(2, 1)
    before = nn.ravel(layer)[0].tolist()
    for wrong, message in (
        (on(numpy.array([1.0, 1e300, 2.0])), "is too large for float32"),
        (on(numpy.array([1.0, 1j, 2.0])), "needs an array of real numbers; got complex128"),
    ):
        with pytest.raises(nn.StateError, match=f"load_vector: the vector {message}; nothing was changed"):
            nn.load_vector(layer, wrong)
    state = {"weight": numpy.array([[1.0, -1e300]]), "bias": numpy.array([numpy.inf])}
    with pytest.raises(nn.StateError, match=r"changed:\n  weight: is too large for float32$"):
        layer.load_state_dict(state)
    counting = Counting()
    with pytest.raises(nn.StateError, match="calls: is too large for int64"):
        counting.load_state_dict(counting.state_dict() | {"calls": on(numpy.asarray(1 << 63, "uint64"))})
    assert nn.ravel(layer)[0].tolist() == before
    nn.load_vector(layer, [1, 2, numpy.inf])
    assert nn.ravel(layer)[0].tolist() == [1.0, 2.0, numpy.inf]


def test_a_state_of_another_library_is_refused_by_name():
    torch = pytest.importorskip("torch")
    with pytest.raises(nn.StateError, match=r"weight: needs an array of real numbers; got torch\.float32"):
        nn.Linear(2, 1).load_state_dict(torch.nn.Linear(2, 1).state_dict())


def test_what_vectors_refuse():
    with pytest.raises(ValueError, match="ReLU has no parameters"):
        nn.ravel(nn.ReLU())
    with pytest.raises(mg.ShapeError, match=r"a vector of 3 numbers; got shape \(3, 1\)"):
        nn.ravel(nn.Linear(2, 1))[1](on(numpy.zeros((3, 1))))
    with pytest.raises(mg.ShapeError, match=r"a vector of 3 numbers; got shape \(4,\)"):
        nn.load_vector(nn.Linear(2, 1), on(numpy.zeros(4)))


# How parameters begin


def test_the_draws_have_the_size_that_the_rule_says():
    rng = numpy.random.default_rng(0)
    weight = mg.Tensor(numpy.zeros((200, 50, 3, 3)))  # fan in 450, fan out 1800
    for fill, std in (
        (nn.init.kaiming_normal_, (2.0 / 450) ** 0.5),
        (nn.init.kaiming_uniform_, (2.0 / 450) ** 0.5),
        (nn.init.xavier_normal_, (2.0 / 2250) ** 0.5),
        (nn.init.xavier_uniform_, (2.0 / 2250) ** 0.5),
    ):
        drawn = mg.asnumpy(fill(weight, rng=rng))
        spread = std / (2 * drawn.size) ** 0.5
        assert abs(drawn.std() - std) < 5 * spread, fill.__name__
        assert abs(drawn.mean()) < 5 * std / drawn.size**0.5
    drawn = mg.asnumpy(nn.init.normal_(weight, mean=1.0, std=0.02, rng=rng))
    assert abs(drawn.mean() - 1.0) < 1e-3
    assert abs(drawn.std() - 0.02) < 1e-3
    drawn = mg.asnumpy(nn.init.uniform_(weight, 2.0, 3.0, rng=rng))
    assert 2.0 <= drawn.min() < 2.01 < 2.99 < drawn.max() <= 3.0


@given(shape=st.sampled_from([(2, 5), (5, 2), (3, 3), (4, 2, 3)]), seed=st.integers(0, 100))
def test_an_orthogonal_matrix_has_orthonormal_rows_or_columns(shape, seed):
    rng = numpy.random.default_rng(seed)
    w = mg.asnumpy(nn.init.orthogonal_(mg.Tensor(numpy.zeros(shape)), gain=2.0, rng=rng)).reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert close(product, 4.0 * numpy.eye(min(w.shape)))


def test_orthogonal_matrices_favour_no_direction():
    rng = numpy.random.default_rng(0)
    drawn = [mg.asnumpy(nn.init.orthogonal_(mg.Tensor(numpy.zeros((2, 2))), rng=rng)) for _ in range(400)]
    assert abs(numpy.mean(drawn, axis=0)).max() < 5 * (0.5 / 400) ** 0.5
    assert 150 < sum(numpy.linalg.det(w) > 0 for w in drawn) < 250


def test_what_initialisers_refuse():
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, .*; got 0"):
        nn.init.normal_(mg.Tensor(numpy.zeros(2)), rng=0)
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator"):
        nn.Linear(2, 1, rng=3)
    for shape in ((2,), (2, 0)):
        with pytest.raises(mg.ShapeError, match=r"a weight of two axes or more, none of size 0; got shape \(2,"):
            nn.init.kaiming_normal_(mg.Tensor(numpy.zeros(shape)))
    with pytest.raises(mg.ShapeError, match="orthogonal matrix needs two axes"):
        nn.init.orthogonal_(mg.Tensor(numpy.zeros(2)))


INITIALISERS = [
    nn.init.uniform_,
    nn.init.normal_,
    nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_,
    nn.init.xavier_uniform_,
    nn.init.xavier_normal_,
    nn.init.orthogonal_,
]


@pytest.mark.parametrize("fill", INITIALISERS)
def test_only_a_leaf_of_floating_point_numbers_can_be_filled(fill):
    layer = nn.Linear(2, 3)
    before = layer.weight.tolist()
    with pytest.raises(TypeError, match="the result of transpose, and filling it would change no parameter"):
        fill(layer.weight.T)
    with pytest.raises(TypeError, match=r"the result of divide, .* Fill the parameter that it was computed from"):
        fill(nn.SpectralNorm(layer).weight)
    with pytest.raises(TypeError, match="a tensor of floating-point numbers; got int64"):
        fill(mg.tensor(numpy.zeros((2, 3), "int64")))
    for wrong in (on(numpy.zeros((2, 3))), [[0.0]]):
        with pytest.raises(TypeError, match="only a Tensor can be filled, such as a Parameter; got a"):
            fill(wrong)
    assert layer.weight.tolist() == before
