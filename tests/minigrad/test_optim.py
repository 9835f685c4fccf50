"""The optimizers against their formulas, and what all of them promise."""

import tracemalloc

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import optim, prox
from minigrad.backend import current
from minigrad.testing import close
from minigrad.testing import strategies as ms
from tests import fake_device
from tests.minigrad.trajectories.problems import CASES

pytestmark = pytest.mark.usefixtures("each_backend")
every_case = pytest.mark.parametrize("case", CASES)
rates = ms.numbers(0.015625, 0.125)


def on(x):
    return current().asarray(x)


def optimizer_of(case, params, **settings):
    kind, known = CASES[case]
    return getattr(optim, kind)(params, **(known | settings))


def leaf(x, dtype=None):
    return mg.tensor(x, dtype, requires_grad=True)


def pushed(optimizer, *gradients):
    """Take one step along the given gradients."""
    for p, g in zip(optimizer.params, gradients, strict=True):
        p.grad = None if g is None else mg.tensor(g, p.dtype)
    optimizer.step()


def descend(optimizer, loss, steps=5):
    """Take steps on a loss of the first parameter."""
    for _ in range(steps):
        optimizer.zero_grad()
        loss(optimizer.params[0]).backward()
        optimizer.step()
    return mg.asnumpy(optimizer.params[0])


def quadratic(matrix):
    constant = on(matrix)
    return lambda x: x @ (constant @ x) * 0.5


# Formulas


@given(data=st.data(), lr=rates, momentum=ms.numbers(0.0, 0.9375))
def test_steps_follow_the_heavy_ball_recursion_on_a_quadratic(data, lr, momentum):
    matrix, start = data.draw(ms.positive_definite(3)), data.draw(ms.vectors(3))
    theta = leaf(start)
    optimizer = optim.SGD([theta], lr, momentum)
    expected, velocity = start.copy(), numpy.zeros(3)
    for _ in range(10):
        descend(optimizer, quadratic(matrix), 1)
        velocity = momentum * velocity + matrix @ expected
        expected = expected - lr * velocity
        assert close(theta, expected, condition=1e4)


@pytest.mark.proves("dl10-eq45")
@given(data=st.data(), lr=rates)
def test_sgd_steps_along_one_sample_and_on_average_along_the_full_batch(data, lr):
    x, y, start = data.draw(ms.arrays((4, 2))), data.draw(ms.arrays((4,))), data.draw(ms.vectors(2))

    def stepped(x, y):
        theta = leaf(start)
        residual = on(x) @ theta - on(y)
        (residual * residual).mean().backward()
        optim.SGD([theta], lr).step()
        return mg.asnumpy(theta)

    by_sample = [stepped(x[i : i + 1], y[i : i + 1]) for i in range(4)]
    for i, theta in enumerate(by_sample):
        assert close(theta, start - lr * 2.0 * (x[i] @ start - y[i]) * x[i], scale=100.0)
    assert close(numpy.mean(by_sample, axis=0), stepped(x, y), scale=100.0)


@given(g=ms.arrays((3,), avoid=[0.0]), start=ms.vectors(3), lr=rates)
def test_adams_first_step_has_length_lr_in_every_coordinate(g, start, lr):
    theta = leaf(start)
    pushed(optim.Adam([theta], lr), g)
    assert close(theta, start - lr * g / (abs(g) + 1e-8), scale=4.0)


@given(g=ms.arrays((3,), avoid=[0.0]), lr=rates, n=st.integers(1, 9), eta=ms.numbers(0.0, 1.0), s=ms.numbers(0.0, 2.0))
def test_adagrad_divides_by_the_root_of_the_sum_of_squares(g, lr, n, eta, s):
    theta = leaf(numpy.zeros(3))
    optimizer = optim.Adagrad([theta], lr, eta, initial_accumulator_value=s, eps=1e-6)
    for _ in range(n):
        pushed(optimizer, g)
    step = [lr / (1.0 + (t - 1) * eta) * g / (numpy.sqrt(s + t * g**2) + 1e-6) for t in range(1, n + 1)]
    assert close(theta, -numpy.sum(step, axis=0))


@given(g=ms.arrays((3,), avoid=[0.0]), lr=rates, rho=ms.numbers(0.0, 0.9375), n=st.integers(1, 9))
def test_rmsprop_divides_by_the_root_of_the_mean_square(g, lr, rho, n):
    theta = leaf(numpy.zeros(3))
    optimizer = optim.RMSprop([theta], lr, rho)
    for _ in range(n):
        pushed(optimizer, g)
    step = [lr * g / (abs(g) * numpy.sqrt(1.0 - rho**t) + 1e-8) for t in range(1, n + 1)]
    assert close(theta, -numpy.sum(step, axis=0), condition=10.0)


@given(g=ms.arrays((3,)), rho=ms.numbers(0.0, 0.75))
def test_a_variance_that_rounding_would_make_negative_is_zero_instead_of_nan(g, rho):
    theta = leaf(numpy.zeros(3))
    optimizer = optim.RMSprop([theta], 0.01, rho, centered=True)
    for _ in range(100):
        pushed(optimizer, g / 3.0)
    assert numpy.isfinite(mg.asnumpy(theta)).all()


@pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adam", "Adagrad"])
@given(data=st.data(), decay=ms.numbers(0.0625, 1.0))
def test_weight_decay_is_the_gradient_of_a_penalty(kind, data, decay):
    matrix, start = data.draw(ms.positive_definite(3)), data.draw(ms.vectors(3))
    loss = quadratic(matrix)
    one, two = leaf(start), leaf(start)
    decayed = getattr(optim, kind)([one], lr=0.0625, weight_decay=decay)
    penalised = getattr(optim, kind)([two], lr=0.0625)
    pushed(decayed, mg.asnumpy(mg.grad(loss)(on(start))))
    pushed(penalised, mg.asnumpy(mg.grad(lambda x: loss(x) + 0.5 * decay * (x * x).sum())(on(start))))
    assert close(one, two, scale=10.0)


@given(start=ms.vectors(3), g=ms.arrays((3,)), lr=rates, decay=ms.numbers(0.0, 1.0))
def test_adamw_shrinks_the_parameters_and_then_is_adam(start, g, lr, decay):
    theta, shrunk = leaf(start), leaf(start * (1.0 - lr * decay))
    one, two = optim.AdamW([theta], lr, weight_decay=decay), optim.Adam([shrunk], lr)
    pushed(one, g)
    pushed(two, g)
    assert theta.tolist() == shrunk.tolist()


@given(data=st.data())
def test_adamw_without_decay_is_adam_bit_for_bit(data):
    loss, start = quadratic(data.draw(ms.positive_definite(3))), data.draw(ms.vectors(3))
    plain = descend(optim.Adam([leaf(start)], 0.125), loss)
    assert descend(optim.AdamW([leaf(start)], 0.125, weight_decay=0.0), loss).tolist() == plain.tolist()


@given(data=st.data(), j=st.integers(1, 20))
def test_a_schedule_gives_each_step_its_size(data, j):
    lr = data.draw(st.sampled_from([optim.Harmonic(0.5), optim.Cosine(0.5, 10), lambda j: 0.5 / j**2]))
    optimizer = optim.SGD([leaf(0.0)], lr)
    for _ in range(j - 1):
        optimizer.step()
    assert optimizer.lr is lr
    assert (optimizer.steps, optimizer.rate) == (j - 1, lr(j))
    pushed(optimizer, 1.0)
    assert optimizer.params[0].item() == -lr(j)


# What all of them promise


@every_case
@given(data=st.data())
def test_to_maximize_f_is_to_minimize_minus_f_bit_for_bit(case, data):
    loss, start = quadratic(data.draw(ms.positive_definite(3))), data.draw(ms.vectors(3))
    up = descend(optimizer_of(case, [leaf(start)], maximize=True), loss)
    down = descend(optimizer_of(case, [leaf(start)], maximize=False), lambda x: -loss(x))
    assert up.tolist() == down.tolist()


@every_case
@given(start=ms.vectors(3, -0.5, 0.5), g=ms.arrays((5, 3)))
def test_a_projection_holds_after_every_step(case, start, g):
    theta = leaf(start)
    data = theta.data
    optimizer = optimizer_of(case, [theta], project=lambda w: prox.project_box(w, -0.5, 0.5))
    for gradient in g:
        pushed(optimizer, gradient)
        assert abs(mg.asnumpy(theta)).max() <= 0.5
    assert theta.data is data


@pytest.mark.proves("dl10-eq18")
@given(data=st.data(), lr=rates, radius=ms.numbers(0.125, 4.0))
def test_projected_sgd_is_a_step_and_then_the_nearest_point(data, lr, radius):
    matrix, start = data.draw(ms.positive_definite(3)), data.draw(ms.vectors(3))
    theta, plain = leaf(start), leaf(start)
    descend(optim.SGD([theta], lr, project=lambda w: prox.project_l2(w, radius)), quadratic(matrix), 1)
    tilde = descend(optim.SGD([plain], lr), quadratic(matrix), 1)
    length = numpy.linalg.norm(tilde)
    assert close(theta, tilde if length <= radius else tilde * (radius / length), scale=4.0)
    assert length > radius or mg.asnumpy(theta).tolist() == tilde.tolist()


@every_case
@given(data=st.data(), late=st.integers(1, 4))
def test_a_parameter_that_comes_late_moves_as_if_the_optimizer_were_new(case, data, late):
    start, g = data.draw(ms.vectors(2)), data.draw(ms.arrays((3, 2)))
    theta, fresh = leaf(start), leaf(start)
    used, new = optimizer_of(case, [leaf([1.0]), theta]), optimizer_of(case, [fresh])
    for _ in range(late):
        pushed(used, [1.0], None)
    assert mg.asnumpy(theta).tolist() == start.tolist()
    for gradient in g:
        pushed(used, [1.0], gradient)
        pushed(new, gradient)
    assert theta.tolist() == fresh.tolist()


@every_case
@given(start=ms.vectors(3), g=ms.arrays((3, 3)))
def test_parameters_move_independently_of_each_other(case, start, g):
    def mixed():
        return [leaf(start, "float32"), leaf(start), leaf(start[:2]), leaf(start[0])]

    together, alone = optimizer_of(case, mixed()), [optimizer_of(case, [p]) for p in mixed()]
    for gradient in g:
        parts = [gradient, gradient, gradient[:2], gradient[0]]
        pushed(together, *parts)
        for optimizer, part in zip(alone, parts, strict=True):
            pushed(optimizer, part)
    assert [p.tolist() for p in together.params] == [optimizer.params[0].tolist() for optimizer in alone]


@every_case
@given(data=st.data(), shape=ms.shapes(0, 3))
def test_it_does_not_matter_how_the_elements_lie_in_memory(case, data, shape):
    start, g = data.draw(ms.arrays(shape)), data.draw(ms.arrays((3, *shape)))
    backwards = tuple(slice(None, None, -2) for _ in shape)
    strided = on(numpy.zeros([2 * n for n in shape]))[(*backwards, ...)].T
    strided[...] = on(start.T)
    dense, sparse = leaf(start), mg.Tensor(strided, requires_grad=True)
    one, two = optimizer_of(case, [dense]), optimizer_of(case, [sparse])
    for gradient in g:
        pushed(one, gradient)
        pushed(two, gradient.T)
    assert sparse.data is strided
    assert mg.asnumpy(sparse).T.tolist() == mg.asnumpy(dense).tolist()


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_change_the_parameters_in_place_keep_the_dtype_and_allocate_no_array(case, dtype):
    theta = leaf(numpy.ones((500, 200)), dtype)
    optimizer = optimizer_of(case, [theta])
    data, size = theta.data, theta.data.nbytes
    pushed(optimizer, numpy.full((500, 200), 0.5))
    tracemalloc.start()
    optimizer.step()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 20
    assert theta.data is data
    assert theta.dtype == dtype


@every_case
def test_a_step_does_not_change_the_gradient_and_does_not_wait_for_the_device(case):
    theta = leaf([1.0, -2.0])
    optimizer = optimizer_of(case, [theta])
    fake_device.syncs.clear()
    for _ in range(2):
        pushed(optimizer, [0.5, 0.25])
    assert fake_device.syncs == []
    assert theta.grad.tolist() == [0.5, 0.25]


@every_case
def test_a_graph_from_before_the_step_cannot_be_differentiated_any_more(case):
    theta = leaf(1.0)
    loss = theta * theta
    pushed(optimizer_of(case, [theta]), 1.0)
    with pytest.raises(mg.GraphError, match="changed in place"):
        loss.backward()


def test_a_parameter_without_a_gradient_stays_and_zero_grad_forgets_all():
    moved, kept = leaf([1.0, 2.0], "float32"), leaf([1.0, 2.0], "float32")
    optimizer = optim.SGD([moved, kept], lr=0.5, momentum=0.5)
    (moved * moved).sum().backward()
    optimizer.step()
    assert moved.tolist() == [0.0, 0.0]
    assert kept.tolist() == [1.0, 2.0]
    optimizer.zero_grad()
    assert moved.grad is None


def test_settings_keep_the_names_the_order_and_the_defaults_that_people_know():
    theta = [leaf(1.0)]
    shown = [optim.SGD(theta), optim.RMSprop(theta), optim.Adam(theta), optim.AdamW(theta), optim.Adagrad(theta)]
    assert [repr(optimizer) for optimizer in shown] == [
        "SGD(lr=0.001, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False)",
        "RMSprop(lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0, centered=False, maximize=False)",
        "Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, amsgrad=False, maximize=False)",
        "AdamW(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, amsgrad=False, maximize=False)",
        "Adagrad(lr=0.01, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, maximize=False)",
    ]


def test_the_step_size_can_be_changed_between_steps():
    optimizer = optim.SGD([leaf(0.0)], 0.5)
    optimizer.lr = 0.25
    pushed(optimizer, 1.0)
    assert optimizer.params[0].item() == -0.25
    with pytest.raises(ValueError, match="lr must be positive and finite; got -1"):
        optimizer.lr = -1
    assert optimizer.lr == 0.25


@every_case
def test_a_frozen_parameter_stays_until_it_is_trained_again(case):
    layer, frozen = leaf([1.0]), mg.tensor([2.0])
    optimizer = optimizer_of(case, [layer, frozen])
    (layer * frozen).sum().backward()
    optimizer.step()
    assert (layer.tolist() != [1.0], frozen.tolist()) == (True, [2.0])
    frozen.requires_grad = True
    (layer * frozen).sum().backward()
    optimizer.step()
    assert frozen.tolist() != [2.0]


# What they refuse


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("SGD", {"lr": 0.0}, "the step size lr must be positive and finite; got 0.0"),
        ("SGD", {"lr": 10**400}, "the step size lr is too large for a float; got 1000"),
        ("SGD", {"lr": float("nan")}, "the step size lr must be positive and finite; got nan"),
        ("SGD", {"lr": 0.1, "momentum": 1.0}, "momentum must be at least 0 and less than 1; got 1.0"),
        ("SGD", {"lr": 0.1, "dampening": -0.5}, "dampening must be at least 0 and less than 1; got -0.5"),
        ("SGD", {"lr": 0.1, "weight_decay": -1.0}, "weight_decay must be at least 0 and finite; got -1.0"),
        ("SGD", {"lr": 0.1, "nesterov": True}, "needs a positive momentum and no dampening; got momentum 0.0 and damp"),
        ("RMSprop", {"alpha": 1.0}, "alpha must be at least 0 and less than 1; got 1.0"),
        ("RMSprop", {"eps": 0.0}, "eps must be positive and finite; got 0.0"),
        ("RMSprop", {"momentum": float("nan")}, "momentum must be at least 0 and less than 1; got nan"),
        ("Adam", {"betas": (0.9, 1.0)}, r"betas\[1\] must be at least 0 and less than 1; got 1.0"),
        ("Adam", {"betas": (-0.5, 0.9)}, r"betas\[0\] must be at least 0 and less than 1; got -0.5"),
        ("Adam", {"eps": 1e-60}, "eps=1e-60 is 0 in the dtype float32 of a parameter; choose a larger one"),
        ("AdamW", {"weight_decay": float("inf")}, "weight_decay must be at least 0 and finite; got inf"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay must be at least 0 and finite; got -1"),
        ("Adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value must be at least 0 and finite"),
    ],
)
def test_settings_out_of_range_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        getattr(optim, kind)([leaf(1.0, "float32")], **settings)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("SGD", {"lr": "fast"}, "lr must be a number; got 'fast'"),
        ("SGD", {"lr": True}, "lr must be a number; got True"),
        ("SGD", {"lr": optim.Constant}, r"lr is the class Constant; make a schedule of it, such as Constant\(0.1\)"),
        ("SGD", {"lr": 0.1, "maximize": 1}, "maximize must be True or False; got 1"),
        ("SGD", {"lr": 0.1, "nesterov": "yes"}, "nesterov must be True or False; got 'yes'"),
        ("SGD", {"lr": 0.1, "project": 0.5}, "project must be a function of an array; got 0.5"),
        ("RMSprop", {"centered": None}, "centered must be True or False; got None"),
        ("Adam", {"betas": 0.9}, "betas must be a pair of numbers; got 0.9"),
        ("Adam", {"betas": (0.9, 0.99, 0.999)}, "betas must be a pair of numbers; got"),
        ("Adam", {"amsgrad": 0}, "amsgrad must be True or False; got 0"),
    ],
)
def test_settings_of_the_wrong_type_are_refused(kind, settings, message):
    with pytest.raises(TypeError, match=message):
        getattr(optim, kind)([leaf(1.0)], **settings)


def test_parameters_that_cannot_be_moved_are_refused():
    theta = leaf([1.0, 2.0])
    for params, message in (
        (theta, r"a single Tensor x, so write \[x\]"),
        (mg.nn.Module(), "got a Module; pass model.parameters"),
        ([theta, 1.0], "takes a list of Tensors; parameter 1 is a float"),
        ([mg.tensor(1.0), mg.tensor(2.0)], "a parameter with requires_grad=True; none of the 2 has it"),
        ([theta, mg.tensor([1, 2])], "needs floating-point parameters; parameter 1 is int64"),
        ([theta, theta.detach() * 2.0 + theta], "parameter 1 is the result of an operation"),
    ):
        with pytest.raises(TypeError, match=message):
            optim.SGD(params, 0.1)
    with pytest.raises(ValueError, match=r"no parameters; pass model\.parameters"):
        optim.SGD([], 0.1)
    with pytest.raises(ValueError, match="a parameter twice; it would be changed twice"):
        optim.SGD([theta, theta], 0.1)
    with mg.use("numpy"):
        fixed = mg.Tensor(numpy.broadcast_to(numpy.ones(1), (3,)), requires_grad=True)
        with pytest.raises(ValueError, match="the array of parameter 0 is read-only"):
            optim.SGD([fixed], 0.1)


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (lambda: mg.tensor([1.0]), mg.ShapeError, r"parameter 1 has shape \(2,\), and its gradient \(1,\)"),
        (lambda: mg.tensor([1.0, 1.0], "float32"), TypeError, "parameter 1 is float64, and its gradient float32"),
        (lambda: on([1.0, 1.0]), TypeError, "gradient of parameter 1 must be a Tensor; got a"),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused_before_anything_moves(gradient, error, message):
    first, second = leaf([1.0]), leaf([1.0, 2.0])
    optimizer = optim.SGD([first, second], 0.5, momentum=0.5)
    before = optimizer.state_dict()
    first.grad, second.grad = mg.tensor([1.0]), gradient()
    with pytest.raises(error, match=message):
        optimizer.step()
    assert (first.tolist(), second.tolist()) == ([1.0], [1.0, 2.0])
    assert optimizer.state_dict() == before


def test_arrays_of_another_backend_are_refused():
    theta = leaf([1.0])
    optimizer = optim.SGD([theta], 0.5)
    theta.grad = mg.tensor([1.0])
    with mg.use("fake" if current().name == "numpy" else "numpy"), pytest.raises(mg.MixedDevicesError, match="backend"):
        optimizer.step()


def test_a_parameter_that_was_given_another_array_needs_a_new_optimizer():
    theta = leaf([1.0])
    optimizer = optim.Adam([theta])
    pushed(optimizer, [1.0])
    theta.data = on([1.0, 2.0])
    with pytest.raises(TypeError, match=r"was float64 of shape \(1,\) when .* now float64 of shape \(2,\); make a new"):
        pushed(optimizer, [1.0, 1.0])


@pytest.mark.parametrize(
    ("project", "message"),
    [
        (lambda w: None, r"like parameter 0, of float32 and shape \(2,\); got a NoneType"),
        (lambda w: w[:1], r"got a \w+ of float32 and shape \(1,\)"),
        (lambda w: w.astype("float64"), r"got a \w+ of float64 and shape \(2,\)"),
        (lambda w: mg.Tensor(w), r"got a Tensor of float32 and shape \(2,\)"),
    ],
)
def test_a_projection_must_keep_shape_and_dtype(project, message):
    optimizer = optim.SGD([leaf([1.0, 2.0], "float32")], 0.5, project=project)
    with pytest.raises(ValueError, match=message):
        pushed(optimizer, [1.0, 1.0])


@pytest.mark.parametrize("rate", [-0.5, float("nan"), float("inf")])
def test_a_schedule_must_give_a_finite_step_size_of_at_least_0(rate):
    optimizer = optim.SGD([leaf(1.0)], lambda j: rate)
    with pytest.raises(ValueError, match="gives for step 1 must be at least 0 and finite; got"):
        pushed(optimizer, 1.0)
    with pytest.raises(TypeError, match="gives for step 1 must be a number; got None"):
        pushed(optim.SGD([leaf(1.0)], lambda j: None), 1.0)


def test_a_method_without_a_move_says_what_to_define():
    with pytest.raises(TypeError, match="Optimizer has no _move method"):
        pushed(optim.Optimizer([leaf(1.0)], 0.1), 1.0)
