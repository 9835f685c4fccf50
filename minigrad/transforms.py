"""Derivatives of plain functions: `grad`, `vjp`, `jvp`, `linearize`, and what is made of them.

All of them stand on `linearize`: it runs the function once, recording, and hands back the value and the two sweeps.

They take and give plain arrays, Python numbers, or nested tuples, lists and dicts of them; inside the function those
are Tensors. They nest to any depth and in any mixture. Called inside another transform, or on a Tensor, they give
Tensors where an outer derivative flows through.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from minigrad import tape
from minigrad.backend import REAL, current, xp
from minigrad.containers import arranged_like, flatten, same_structure
from minigrad.numpy import stack
from minigrad.primitives.elementwise import positive
from minigrad.tape import Node, ShapeError, mode, switched, tape_of
from minigrad.tensor import Tensor, require_float

Function = Callable[..., Any]


class Linearization:
    """The derivative of a function at one point: a linear map to apply in both directions, any number of times.

    `linearize` makes it. The function is not run again.

    Methods
    -------
    push(*tangents)
        The Jacobian times the tangents.
    pull(cotangent)
        The transposed Jacobian times the cotangent, a tuple with one part per primal.

    Examples
    --------
    >>> out, lin = linearize(lambda x: 3.0 * x, 2.0)
    >>> lin.out, lin.push(1.0), lin.pull(1.0)
    (np.float64(6.0), np.float64(3.0), (np.float64(3.0),))
    """

    def __init__(self, function: Function, primals: tuple[Any, ...], lasting: bool = True) -> None:
        outer = mode.get()
        self._bit = 1 << (outer.depth + 1)
        self._primals = primals
        flat, self._rebuild_in = flatten(primals)
        # What lasts must not change when the caller later changes his arrays in place.
        self._inputs = [_watched(x, self._bit, copy=lasting) for x in flat]
        with switched(recording=outer.recording | self._bit, depth=outer.depth + 1):
            value = function(*self._rebuild_in(self._inputs))
        self._value = value
        outputs, self._rebuild_out = flatten(value)
        self._outputs = [_as_output(x) for x in outputs]
        self._tape: list[Node] | None = None

    @property
    def out(self) -> Any:
        """The value of the function."""
        return self._rebuild_out(_handed_out(x) for x in self._outputs)

    def push(self, *tangents: Any) -> Any:
        """Push tangents forward: the directional derivative, of the value's structure.

        Parameters
        ----------
        *tangents : arrays or containers
            One per primal, of its shape.

        Raises
        ------
        ShapeError
            If a tangent does not have its primal's shape.

        Examples
        --------
        >>> linearize(lambda x, y: x * y, 2.0, 5.0)[1].push(1.0, 0.0)
        np.float64(5.0)
        """
        moved = _matching(tangents, self._primals, self._inputs, "tangent", "primal")
        known = {node.serial: t for node, t in zip(self._inputs, moved, strict=True)}
        tape.push(self._nodes(), known, self._bit, [x for x in self._outputs if isinstance(x, Node)])
        given = set(map(id, moved))
        return self._rebuild_out(
            _finished(known.get(x.serial), x, given) if isinstance(x, Node) else _zeros(x) for x in self._outputs
        )

    def pull(self, cotangent: Any) -> tuple[Any, ...]:
        """Pull a cotangent back, to one part per primal.

        Parameters
        ----------
        cotangent : array or container
            Of the value's shape and structure.

        Raises
        ------
        ShapeError
            If the cotangent does not have the value's shape.

        Examples
        --------
        >>> linearize(lambda x, y: x * y, 2.0, 5.0)[1].pull(1.0)
        (np.float64(5.0), np.float64(2.0))
        """
        seeds = _matching(cotangent, self._value, self._outputs, "cotangent", "value")
        known: dict[int, Any] = {}
        for x, seed in zip(self._outputs, seeds, strict=True):
            if isinstance(x, Node) and x.needs & self._bit:
                known[x.serial] = known[x.serial] + seed if x.serial in known else seed
        return self._swept(known, seeds, self._nodes(), consume=False)

    def gradient_once(self) -> tuple[Any, ...]:
        """Pull 1 back from a value that is one number, and free the graph on the way.

        Examples
        --------
        >>> linearize(lambda x: x**2, 3.0)[1].gradient_once()
        (np.float64(6.0),)
        """
        nodes, self._tape = self._nodes(), None
        (output,) = self._outputs
        seed = xp.ones(output.shape, output.dtype)
        known = {output.serial: seed} if isinstance(output, Node) and output.needs & self._bit else {}
        return self._swept(known, [seed], nodes, consume=True)

    def _swept(self, known: dict[int, Any], seeds: list[Any], nodes: list[Node], consume: bool) -> tuple[Any, ...]:
        tape.pull(nodes, known, self._bit, consume)
        given = set(map(id, seeds))
        pulled = [_finished(known.get(x.serial), x, given) for x in self._inputs]
        return self._rebuild_in(_once(pulled))

    def _nodes(self) -> list[Node]:
        if self._tape is None:
            since = min((x.serial for x in self._inputs), default=0)
            self._tape, _ = tape_of([x for x in self._outputs if isinstance(x, Node)], self._bit, since)
        return self._tape


def linearize(f: Function, *primals: Any) -> tuple[Any, Linearization]:
    """Run a function once, and give its value and its derivative as a reusable linear map.

    ``out = f(*primals)``; ``lin.push(*tangents)`` is J t and ``lin.pull(cotangent)`` is Jᵀ g, with J the Jacobian at
    the primals. Each costs one sweep, which is what a Krylov solver wants.

    Parameters
    ----------
    f : callable
        From arrays to an array or a container of arrays.
    *primals : arrays or containers
        Where to differentiate.

    Returns
    -------
    out : array or container
        The value.
    lin : Linearization
        With the methods `push` and `pull`.

    Raises
    ------
    TypeError
        If a primal is not floating-point.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> out, lin = linearize(np.sin, np.array([0.0, np.pi]))
    >>> lin.push(np.array([1.0, 1.0]))
    array([ 1., -1.])
    >>> lin.pull(np.array([2.0, 3.0]))[0]
    array([ 2., -3.])
    """
    linearization = Linearization(f, primals)
    return linearization.out, linearization


def vjp(f: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Give the value of a function, and the map that pulls cotangents back: g ↦ Jᵀ g.

    Parameters
    ----------
    f : callable
        From arrays to an array or a container of arrays.
    *primals : arrays or containers
        Where to differentiate.

    Returns
    -------
    out : array or container
        The value.
    pull : callable
        From a cotangent to a tuple, one part per primal. Can be called any number of times.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> out, pull = vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> pull(1.0)
    (np.float64(5.0), np.float64(2.0))
    """
    out, linearization = linearize(f, *primals)
    return out, linearization.pull


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Give the value of a function and its directional derivative J t.

    Parameters
    ----------
    f : callable
        From arrays to an array or a container of arrays.
    primals : sequence
        The arguments of f.
    tangents : sequence
        The direction: one tangent per primal, of its shape.

    Returns
    -------
    out, tangent_out : array or container
        Value and derivative, of the same structure.

    Raises
    ------
    ShapeError
        If there is not one tangent per primal, of its shape.

    Examples
    --------
    >>> jvp(lambda x: x**3, (2.0,), (1.0,))
    (np.float64(8.0), np.float64(12.0))
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError("jvp takes its primals and tangents as tuples: jvp(f, (x,), (t,))")
    out, linearization = linearize(f, *primals)
    return out, linearization.push(*tangents)


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Turn a scalar function into one that gives its value and its gradient.

    Parameters
    ----------
    f : callable
        Its value is one number.
    argnums : int or sequence of int
        Which positional arguments to differentiate; a sequence gives a tuple of gradients.

    Returns
    -------
    callable
        With the arguments of f, giving ``(value, gradient)``.

    Raises
    ------
    ShapeError
        When called, if f's value is not one number.
    TypeError
        When called, if a differentiated argument is not floating-point.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> value_and_grad(lambda w, x: np.dot(w, x))(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    (np.float64(11.0), array([3., 4.]))
    """
    single = not isinstance(argnums, Sequence)
    chosen = tuple(operator.index(i) for i in (argnums if isinstance(argnums, Sequence) else (argnums,)))
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"argnums={argnums} names an argument twice")

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        for i in chosen:
            if not -len(args) <= i < len(args):
                raise TypeError(
                    f"argnums={argnums} asks for argument {i}, and the call has {len(args)} positional arguments"
                )
        places = [i % len(args) for i in chosen]

        def of_chosen(*primals: Any) -> Any:
            full = list(args)
            for i, primal in zip(places, primals, strict=True):
                full[i] = primal
            return f(*full, **kwargs)

        linearization = Linearization(of_chosen, tuple(args[i] for i in places), lasting=False)
        out = linearization.out
        shape = getattr(out, "shape", None)
        if shape is None or any(n != 1 for n in shape):
            what = f"shape {shape}" if shape is not None else f"a {type(out).__name__}"
            raise ShapeError(
                f"the gradient is that of one number, and the function returned {what}. "
                "Reduce it, for example with np.sum, or use jacobian or vjp."
            )
        gradients = linearization.gradient_once()
        return out, gradients[0] if single else gradients

    return value_and_gradient


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Turn a scalar function into its gradient.

    Parameters
    ----------
    f : callable
        Its value is one number.
    argnums : int or sequence of int
        Which positional arguments to differentiate; a sequence gives a tuple of gradients.

    Returns
    -------
    callable
        With the arguments of f, giving the gradient, of the structure of the argument.

    Raises
    ------
    ShapeError
        When called, if f's value is not one number.
    TypeError
        When called, if a differentiated argument is not floating-point.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> grad(np.tanh)(0.0)
    np.float64(1.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    """
    both = value_and_grad(f, argnums)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def hvp(f: Function, x: Any, v: Any) -> Any:
    """Multiply the Hessian of a scalar function by a vector without forming it: H v.

    Forward over reverse: the gradient is linearized once and v is pushed through it. For many products at one point,
    ``out, lin = linearize(grad(f), x)`` and ``lin.push(v)`` run the function only once.

    Parameters
    ----------
    f : callable
        Its value is one number.
    x : array or container
        Where.
    v : array or container
        The vector, of x's shape.

    Returns
    -------
    array or container
        Of x's shape.

    References
    ----------
    Ledger: dl10-hvp-derivation.

    Pearlmutter, B. A. (1994). Fast exact multiplication by the Hessian. Neural Computation 6(1), 147-160.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    return jvp(grad(f), (x,), (v,))[1]


def gauss_newton(model: Function, loss: Function, x: Any) -> Callable[[Any], Any]:
    """Give the generalised Gauss-Newton matrix of ``loss(model(x))`` as a reusable product: v ↦ Jᵀ H_loss J v.

    Push v through the model, multiply by the curvature of the loss at its output, and pull the result back. Model and
    loss run once, here; each product costs two sweeps through the model and one through the gradient of the loss.

    Parameters
    ----------
    model : callable
        From parameters to outputs.
    loss : callable
        From outputs to one number; convex for a positive semi-definite matrix.
    x : array or container
        Parameters.

    Returns
    -------
    callable
        From a vector of x's structure to the product, of the same structure. Can be called any number of times.

    Raises
    ------
    ShapeError
        If the loss is not one number, or, when called, if the vector does not have the structure and shapes of x.

    References
    ----------
    Schraudolph, N. N. (2002). Fast curvature matrix-vector products for second-order gradient descent. Neural
    Computation 14(7), 1723-1738.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> product = gauss_newton(lambda x: x**2, lambda z: np.sum(z**2), np.array([1.0, 3.0]))
    >>> product(np.array([1.0, 0.0])), product(np.array([0.0, 1.0]))
    (array([8., 0.]), array([ 0., 72.]))
    """
    out, of_model = linearize(model, x)
    _, of_slope = linearize(grad(loss), out)

    def product(v: Any) -> Any:
        return of_model.pull(of_slope.push(of_model.push(v)))[0]

    return product


def ggnvp(model: Function, loss: Function, x: Any, v: Any) -> Any:
    """Multiply the generalised Gauss-Newton matrix of ``loss(model(x))`` by a vector: Jᵀ H_loss J v.

    For many products at one point, `gauss_newton` runs the model only once.

    Parameters
    ----------
    model : callable
        From parameters to outputs.
    loss : callable
        From outputs to one number; convex for a positive semi-definite matrix.
    x, v : array or container
        Parameters and vector, of the same structure.

    Returns
    -------
    array or container
        Of x's shape.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> ggnvp(lambda x: x**2, lambda z: np.sum(z**2), np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    array([ 8., 72.])
    """
    return gauss_newton(model, loss, x)(v)


def jacobian(f: Function) -> Function:
    """Turn a function of one array into its Jacobian, of shape ``out.shape + x.shape``.

    Columns are pushed or rows pulled, whichever are fewer.

    Parameters
    ----------
    f : callable
        From an array to an array.

    Returns
    -------
    callable
        From x to the Jacobian.

    Raises
    ------
    TypeError
        When called, if x or f's value is a container; take the parts one by one.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> jacobian(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """

    def jacobian_of_f(x: Any) -> Any:
        out, linearization = linearize(f, x)
        for value, what in ((x, "argument"), (out, "value")):
            if isinstance(value, dict | tuple | list):
                raise TypeError(
                    f"jacobian takes a function from one array to one array; its {what} is a {type(value).__name__}"
                )
        point = linearization._inputs[0].data
        shape, size = tuple(out.shape) + tuple(point.shape), out.size
        if not size or not point.size:
            return xp.zeros(shape, point.dtype)
        if point.size < size:
            columns = [linearization.push(unit) for unit in _units(point)]
            return stack(columns, axis=-1).reshape(shape)
        return stack([linearization.pull(unit)[0] for unit in _units(out)]).reshape(shape)

    return jacobian_of_f


def hessian(f: Function) -> Function:
    """Turn a scalar function of one array into its Hessian, of shape ``x.shape + x.shape``.

    Parameters
    ----------
    f : callable
        Its value is one number.

    Returns
    -------
    callable
        From x to the matrix of second derivatives.

    Examples
    --------
    >>> import minigrad.numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f))


def _units(like: Any) -> list[Any]:
    eye = xp.eye(like.size, dtype=like.dtype)
    return [row.reshape(like.shape) for row in eye]


def _watched(x: Any, bit: int, copy: bool) -> Any:
    """Make a fresh node for an input, so that only what f does to *this* argument is differentiated."""
    if isinstance(x, Tensor):
        require_float(x.data)
        if x.needs & mode.get().recording:
            alias = positive(x)
            alias.needs |= bit
            return alias
        return tape.leaf(x.data.copy(order="K") if copy else x.data, bit)
    if isinstance(x, str | bytes) or x is None:
        raise TypeError(f"got {x!r} as an argument to differentiate; pass an array, a number, or a container of them")
    data = current().asarray(x)
    require_float(data)
    return tape.leaf(data.copy(order="K") if copy and data is x else data, bit)


def _as_output(x: Any) -> Any:
    if isinstance(x, Node):
        return x
    if isinstance(x, str | bytes) or x is None:
        raise TypeError(f"the function returned {x!r}; it must return an array, a number, or a container of them")
    value = current().asarray(x)
    if value.dtype.kind not in REAL:
        raise TypeError(f"the function returned {type(x).__name__} data; it must return real numbers")
    return value


def _handed_out(x: Any) -> Any:
    """Give a result to the outside: a plain array, unless a derivative that is still open flows through it."""
    recording = mode.get().recording
    if isinstance(x, Node):
        return positive(x) if x.needs & recording else scalar(x.data.copy(order="K"))
    return scalar(x)


def scalar(x: Any) -> Any:
    """Give a host array without axes as a NumPy scalar, which prints and compares as a number.

    Examples
    --------
    >>> import numpy
    >>> scalar(numpy.array(2.0))
    np.float64(2.0)
    """
    return current().scalar(x)


def _zeros(x: Any) -> Any:
    return scalar(xp.zeros_like(x.data if isinstance(x, Node) else x))


def _finished(derivative: Any, node: Any, given: set[int]) -> Any:
    """Give a derivative to the outside: zeros where none arrived, and a copy where somebody else holds it too.

    Those whose ids are in `given` belong to the caller.
    """
    if derivative is None:
        return _zeros(node)
    if isinstance(derivative, Node):
        return derivative if derivative.needs else scalar(derivative.data)
    array: Any = current().ndarray
    if not isinstance(derivative, array):
        return scalar(current().own(derivative))
    shared = derivative.base is not None or id(derivative) in given
    return scalar(derivative.copy(order="K") if shared else derivative)


def _once(arrays: list[Any]) -> list[Any]:
    """Copy an array that stands in the list twice, so that changing one gradient never changes another."""
    seen: set[int] = set()
    distinct = []
    for x in arrays:
        distinct.append(x.copy(order="K") if id(x) in seen and not isinstance(x, Node) else x)
        seen.add(id(x))
    return distinct


def _matching(given: Any, like: Any, nodes: list[Any], what: str, whose: str) -> list[Any]:
    """Check that a tangent or cotangent has the structure and shapes of what it belongs to; convert to its dtype."""
    if not same_structure(like, given):
        raise ShapeError(f"the {what} must be a container like the {whose}, with one array for each of its arrays")
    leaves, _ = flatten(arranged_like(given, like))
    matched = []
    for x, node in zip(leaves, nodes, strict=True):
        data = node.data if isinstance(node, Node) else node
        value = x if isinstance(x, Node) else current().asarray(x)
        if value.dtype.kind not in REAL:
            raise TypeError(f"a {what} holds real numbers; got {value.dtype}")
        if tuple(value.shape) != tuple(data.shape):
            raise ShapeError(
                f"the {what} has shape {tuple(value.shape)}, and the {whose} has shape {tuple(data.shape)}"
            )
        matched.append(value if value.dtype == data.dtype else value.astype(data.dtype))
    return matched
