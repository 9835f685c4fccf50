"""The graph: long chains, memory, and what happens when it has been used."""

import gc
import weakref

import numpy
import pytest

import minigrad as mg
import minigrad.numpy as np

LENGTH = 100_000


def chain(x):
    for _ in range(LENGTH // 2):
        x = np.sin(x) + 1.0
    return x


def test_a_chain_of_100000_operations_works_in_both_sweeps():
    x = numpy.array([0.5, 1.0])
    _, lin = mg.linearize(chain, x)
    (pulled,) = lin.pull(numpy.ones(2))
    assert mg.testing.close(lin.push(numpy.ones(2)), pulled, condition=1e4)
    leaf = mg.tensor(x, requires_grad=True)
    chain(leaf).sum().backward()
    assert mg.testing.close(leaf.grad, pulled)


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_memory_returns_with_the_last_reference(without_collector):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = np.exp(x) * x
    inner = weakref.ref(y)
    z = np.sum(y)
    del y
    assert inner() is not None
    del z
    assert inner() is None


def test_nested_derivatives_leave_no_cycle(without_collector):
    seen = []

    def f(x):
        y = np.exp(x)
        seen.append(weakref.ref(y))
        return np.sum(y * y)

    x = numpy.array([1.0, 2.0])
    mg.grad(lambda x: np.sum(mg.grad(f)(x) ** 2))(x)
    mg.hvp(f, x, x)
    mg.hessian(f)(x)
    mg.jvp(mg.grad(f), (x,), (x,))
    assert [ref() for ref in seen] == [None] * len(seen)


def test_backward_frees_the_graph_as_it_goes():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = np.exp(x)
    inner = weakref.ref(y)
    loss = np.sum(y * y)
    del y
    loss.backward()
    assert inner() is None


def test_a_second_backward_needs_a_kept_graph():
    x = mg.tensor(2.0, requires_grad=True)
    y = x**3
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 24.0
    with pytest.raises(mg.GraphError, match="retain_graph=True"):
        y.backward()


def test_a_sweep_visits_only_what_leads_to_the_argument():
    """A node whose rule would fail is left alone if it does not lead to what was asked for."""
    other = mg.tensor([1.0], requires_grad=True)
    poisoned = np.exp(other)
    poisoned.primitive = None
    assert mg.grad(lambda x: np.sum(x * x) + poisoned.item())(numpy.array([3.0])).tolist() == [6.0]
    assert mg.grad(lambda x: np.sum(x * poisoned.data))(numpy.array([3.0])).tolist() == [numpy.e]


def test_no_array_that_a_rule_handed_out_is_added_into():
    """x + x hands the same cotangent to both arguments; accumulating must not change it for the other."""
    x = numpy.array([1.0, 2.0])

    def f(x):
        y = x + x
        return np.sum(y + y + y * x)

    assert mg.testing.close(mg.grad(f)(x), 4.0 + 4.0 * x)


def test_the_graph_of_a_linearization_survives_its_products():
    out, lin = mg.linearize(lambda x: np.sin(x) * x, numpy.array([1.0, 2.0]))
    first = lin.pull(out)[0].copy()
    lin.push(out)
    assert lin.pull(out)[0].tolist() == first.tolist()
