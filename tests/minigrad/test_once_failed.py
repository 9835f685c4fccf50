"""Examples that once failed, each with what had gone wrong."""

import copy

import numpy
import pytest

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn, optim, prox
from minigrad.testing import Counterexample, assert_convex, assert_lipschitz, assert_projection, check_grads, close

X = numpy.array([1.0, 2.0])
A = numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_a_linearization_survives_its_use_inside_a_gradient():
    """Sibling transforms use the same bit; the later one freed nodes of the earlier one."""
    _, lin = mg.linearize(lambda x: np.sin(x) * x, X)
    pushed, pulled = lin.push(X), lin.pull(X)[0]
    mg.grad(lambda v: np.sum(lin.push(v) ** 2))(X)
    assert close(lin.push(X), pushed)
    assert close(lin.pull(X)[0], pulled)


def test_a_linearization_that_closes_over_a_leaf_survives_backward():
    w = mg.tensor(2.0, requires_grad=True)
    _, lin = mg.linearize(lambda x: np.sin(w * x), X)
    first = lin.push(X)
    first.sum().backward()
    assert close(lin.push(X).detach(), first.detach())


def test_a_value_kept_from_an_inner_transform_keeps_its_outer_derivative():
    def f(x):
        kept = []
        mg.grad(lambda y: (kept.append(x * y), x * y)[1])(1.0)
        return mg.grad(lambda u: u**2)(kept[0])

    assert mg.grad(f)(3.0) == 2.0


def test_a_value_of_a_finished_transform_is_a_constant():
    saved = []
    mg.grad(lambda x: (saved.append(x**3), np.sum(saved[0]))[1])(X)
    assert mg.grad(lambda y: np.sum(saved[0] * y))(X).tolist() == [1.0, 8.0]


def test_changing_a_value_or_an_argument_in_place_does_not_change_the_derivative():
    x = X.copy()
    out, pull = mg.vjp(np.exp, x)
    expected = pull(numpy.ones(2))[0]
    out -= 1.0
    x += 1.0
    assert close(pull(numpy.ones(2))[0], expected)


def test_a_step_of_an_optimizer_between_forward_and_backward_is_refused():
    w, u = (mg.tensor(X, requires_grad=True) for _ in range(2))
    h = w * u
    (h * h).sum().backward(retain_graph=True)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(mg.GraphError, match="changed in place, by a step of an optimizer"):
        h.sum().backward()


def test_einsum_stretches_an_axis_of_size_one_in_its_gradient_too():
    check_grads(lambda a, b: np.einsum("ij,ij->i", a, b), A[:, :1], A)
    with pytest.raises(mg.ShapeError, match="ellipsis"):
        np.einsum("...i->i", mg.tensor(A))


def test_matrices_with_operators_of_their_own_and_complex_numbers():
    with pytest.warns(PendingDeprecationWarning):
        matrix = numpy.asmatrix(A[:, :2])
    pulled = mg.vjp(lambda w: w * matrix, numpy.ones((2, 2)))[1](numpy.array([[1.0, 2.0], [3.0, 4.0]]))[0]
    assert pulled.tolist() == [[1.0, 4.0], [12.0, 20.0]]
    for wrong in (
        lambda x: x * numpy.array([1j, 2.0]),
        lambda x: x.astype(complex),
        lambda x: x * numpy.array([X, None], object),
    ):
        with pytest.raises(TypeError, match="real numbers"):
            mg.grad(lambda x, wrong=wrong: np.sum(wrong(x)))(X)
    with pytest.raises(TypeError, match="tangent holds real numbers; got complex128"):
        mg.jvp(np.sin, (1.0,), (1j,))


def test_indices_along_an_axis_are_stretched_as_in_numpy():
    index = numpy.array([[0, 2]])
    assert close(np.take_along_axis(mg.tensor(A), index, axis=1), numpy.take_along_axis(A, index, axis=1))


def test_padding_with_a_pair_of_constants():
    expected = numpy.pad(A, ((1, 1), (0, 2)), constant_values=(5.0, 7.0))
    assert close(np.pad(mg.tensor(A), ((1, 1), (0, 2)), constant_values=(5.0, 7.0)), expected)


@pytest.mark.parametrize(
    ("size", "dtype"), [(1e200, "float64"), (1e-200, "float64"), (1e20, "float32"), (1e-24, "float32")]
)
def test_norms_and_angles_over_the_whole_range_of_numbers(size, dtype):
    x = numpy.array([3.0, 4.0], dtype) * numpy.asarray(size, dtype)
    assert close(mg.grad(np.linalg.norm)(x), numpy.array([0.6, 0.8], dtype))
    assert close(np.linalg.norm(x) / size, numpy.asarray(5.0, dtype))
    assert close(prox.project_l2(x, 2.5 * size) / size, numpy.array([1.5, 2.0], dtype), condition=10.0)
    slope = mg.grad(lambda y: np.arctan2(y, x[1]))(x[0])
    assert close(slope * size, numpy.asarray(4.0 / 25.0, dtype), condition=10.0)


def test_cube_roots_of_negative_numbers_and_a_fully_masked_sum():
    check_grads(np.cbrt, numpy.array([-2.0, -0.5]))
    with numpy.errstate(divide="ignore"):
        assert np.logsumexp(numpy.array([-numpy.inf, -numpy.inf])) == -numpy.inf


def test_integers_do_not_wrap_around():
    small = numpy.array([1, 2, 3], "uint8")
    assert close(np.linalg.norm(numpy.array([200, 100], "uint8")), numpy.sqrt(50000.0))
    for f in (np.softmax, np.log_softmax, np.sigmoid, np.softplus, np.logsumexp):
        assert close(f(small), f(small.astype(float)))
    assert np.clip(numpy.array([1, 2, 3]), 0, None).dtype == "int64"
    assert close(np.float_power(numpy.array([2, 4]), -1), [0.5, 0.25])


def test_a_fully_masked_row_has_gradient_zero():
    masked = numpy.array([-numpy.inf, -numpy.inf])
    with numpy.errstate(divide="ignore"):
        assert mg.grad(np.logsumexp)(masked).tolist() == [0.0, 0.0]
        assert mg.grad(lambda x: np.sum(np.logaddexp(x, -numpy.inf)))(masked).tolist() == [0.0, 0.0]


def test_clipping_at_a_differentiable_bound_gives_the_closed_interval_to_the_array():
    gradients = mg.grad(lambda x, low: np.sum(np.clip(x, low, 1.0)), (0, 1))(numpy.array([-1.0, 0.0, 0.5, 2.0]), 0.0)
    assert gradients[0].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert gradients[1] == 1.0


def test_the_derivative_of_a_determinant_says_that_the_matrix_is_singular():
    assert np.linalg.det(mg.tensor(numpy.zeros((2, 2)))).item() == 0.0
    with pytest.raises(numpy.linalg.LinAlgError, match=r"linalg\.det: the derivative at a singular matrix"):
        mg.grad(np.linalg.det)(numpy.zeros((2, 2)))


def test_a_projection_must_leave_members_where_they_are():
    member = lambda x: abs(x).max() <= 1.0 + 1e-12  # noqa: E731
    for wrong in (lambda x: 0.0 * x, lambda x: x.clip(-0.5, 0.5)):
        with pytest.raises(Counterexample, match="moves"):
            assert_projection(wrong, member)


def test_claims_about_pairs_need_pairs():
    for claim in (lambda: assert_lipschitz(lambda x: 100.0 * x, 1.0, X), lambda: assert_convex(np.sum, [X])):
        with pytest.raises(ValueError, match="pairs of points"):
            claim()
    with pytest.raises(ValueError, match="a claim needs points"):
        mg.testing.assert_upper_bound(np.sum, 1.0, [])


def test_a_deep_copy_of_a_model_has_parameters():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    twin = copy.deepcopy(model)
    assert [name for name, _ in twin.named_parameters()] == ["0.weight", "0.bias"]
    twin[0].weight.data += 1.0
    assert not close(twin[0].weight.detach(), model[0].weight.detach())


def test_an_optimizer_takes_only_what_it_can_move():
    w = mg.tensor(X, requires_grad=True)
    for params, message in (
        (w, "write \\[x\\]"),
        ([w * 2.0], "parameter 0"),
        ([mg.tensor(X)], "requires_grad"),
        ([X], "ndarray"),
    ):
        with pytest.raises(TypeError, match=message):
            optim.SGD(params, 0.1)
    with pytest.raises(ValueError, match="twice"):
        optim.SGD([w, w], 0.1)


def test_a_parameter_cannot_become_something_else_unnoticed():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match="weight is a parameter, and would no longer be one"):
        layer.weight = layer.weight * 0.5


def test_anomalies_in_nested_sweeps_name_the_operation_whose_derivative_it_is():
    def g(x):
        return np.sqrt(x)

    for nested in (lambda: mg.grad(mg.grad(g))(0.0), lambda: mg.hvp(g, 0.0, 1.0)):
        with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match=r"sweep through sqrt, called at .*np.sqrt\(x\)"):
            nested()
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match="infinite"):
        mg.grad(lambda x: x * 1e308 + x * 1e308)(1e-300)


def test_no_grad_may_be_entered_again():
    quiet = mg.no_grad()
    with quiet, quiet:
        pass
    assert (mg.tensor(1.0, requires_grad=True) * 2.0).requires_grad


def test_smaller_surprises():
    t = mg.tensor(A, requires_grad=True)
    with pytest.raises(mg.ShapeError, match="axis 3"):
        np.sum(t, axis=3)
    with pytest.raises(ValueError, match="axes"):
        t.transpose(0)
    assert numpy.linalg.outer(mg.tensor(X), X).shape == (2, 2)
    assert numpy.linalg.slogdet(mg.tensor(numpy.eye(2))).logabsdet.item() == 0.0
    assert t[[]].shape == (0, 3)
    assert np.relu([-1.0, 2.0]).tolist() == [0.0, 2.0]
    assert np.sigmoid(0.0) == 0.5
    assert mg.grad(lambda p: p["a"] * p["b"])({"a": 2.0, "b": 3.0}) == {"a": 3.0, "b": 2.0}
    assert mg.jvp(lambda p: p["a"] * p["b"], ({"a": 2.0, "b": 3.0},), ({"b": 0.0, "a": 1.0},))[1] == 3.0
    with pytest.raises(ValueError, match="names an argument twice"):
        mg.grad(np.sum, (0, 0))
    with pytest.raises(TypeError, match="got None as an argument"):
        mg.grad(np.sum)(None)
    assert np.matmul(mg.tensor(numpy.zeros((2, 3, 0)), requires_grad=True), numpy.zeros((0, 4))).sum().item() == 0.0


def test_a_gradient_is_never_the_array_that_backward_was_given():
    """A step that moved q in place also changed the gradient of p."""
    p, q = mg.tensor([1.0], requires_grad=True), mg.tensor([2.0], requires_grad=True)
    for given in (q.data, mg.Tensor(q.data)):
        p.grad = None
        (p + 0.0).backward(given)
        q.data += 1.0
        assert p.grad.tolist() == [q.item() - 1.0]


def test_a_derivative_that_is_zero_up_to_rounding_is_not_called_wrong():
    """The allowed error shrank with the derivative, and was smaller than one rounding of what cancels in it."""
    check_grads(lambda x: mg.prox.project_l2(x, 1.0), numpy.array([1.03125]))


def test_a_frozen_weight_that_is_stepped_before_backward_is_noticed():
    """As when a discriminator is frozen in the generator's loss, and takes its own step before the backward pass."""
    g, d = mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor([3.0, 4.0], requires_grad=True)
    d.requires_grad = False
    frozen = (g * d).sum()
    d.requires_grad = True
    detached = (g * d.detach()).sum()
    (d * d).sum().backward()
    optim.SGD([d], lr=1.0).step()
    with pytest.raises(mg.GraphError, match=r"multiply.* used a tensor that was then changed in place"):
        frozen.backward()
    assert d.grad.tolist() == [6.0, 8.0], "it was frozen when the loss was computed"
    detached.backward()
    assert g.grad.tolist() == [3.0, 4.0]
