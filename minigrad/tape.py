"""One tape, two sweeps: the whole of automatic differentiation, in the order in which one explains it.

1. A `Node` is the result of one operation. It keeps the primitive, the inputs and the nodes they came from.
2. A `Primitive` is an operation with its two rules: how a tangent is pushed forward through it, and how a cotangent is
   pulled back. Called on raw arrays it computes; called on nodes it also records.
3. `tape_of` lists the recorded nodes that lead to an output, in the order in which they were made.
4. `push` walks the tape forwards and gives Jacobian-vector products; `pull` walks it backwards and gives
   vector-Jacobian products.

Higher orders need nothing more. A rule is written with the same primitives, so where an outer derivative is being
recorded, the sweep runs the rules on nodes instead of arrays, and thereby records itself.

Which derivative is being recorded is told by bits. Bit 0 belongs to ``Tensor.backward``; each open transform has a bit
of its own. ``node.needs`` is the set of derivatives that this node takes part in; ``Mode.recording`` is the set that is
being recorded now. A sweep for one bit follows only nodes that have it, which is also what keeps nested derivatives
from being confused with each other.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

import numpy

from minigrad.backend import REAL, Backend, MixedDevicesError, active, current, xp

Array = Any
Rule = Callable[..., Any]


class GraphError(RuntimeError):
    """The recorded graph cannot be used the way that was asked for."""


class ShapeError(ValueError):
    """The shapes of the arguments do not fit the operation."""


class AnomalyError(FloatingPointError):
    """An operation produced the first NaN or infinity."""


class Mode:
    """What the engine does with the operations it meets, in this thread at this moment."""

    __slots__ = ("recording", "depth", "sites", "inside")

    def __init__(
        self, recording: int = 1, depth: int = 0, sites: dict[int, str] | None = None, inside: str | None = None
    ) -> None:
        self.recording = recording
        self.depth = depth
        self.sites = sites
        self.inside = inside


mode: ContextVar[Mode] = ContextVar("minigrad_mode", default=Mode())  # noqa: B039 (a Mode is never changed)


class switched:
    """Change the mode for a ``with`` block."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def __enter__(self) -> Mode:
        now = mode.get()
        fields = {name: getattr(now, name) for name in Mode.__slots__} | self.changes
        self._token = mode.set(Mode(**fields))
        return mode.get()

    def __exit__(self, *exception: object) -> None:
        mode.reset(self._token)


class Node:
    """The result of one recorded operation, or a leaf: an input that has no history.

    Attributes
    ----------
    data : array
        The value.
    needs : int
        The set of derivatives it takes part in, one bit each.
    primitive : Primitive or None
        The operation that made it; None for a leaf.
    inputs : tuple
        The raw arguments of the operation.
    parents : tuple
        For each argument the node it came from, a `Still` for a tensor that was a constant, or None for anything else.
        None altogether once the graph is freed.
    params : dict
        The operation's settings, such as ``axis``.
    serial : int
        Its place in the order of creation; parents always have smaller numbers.
    """

    __slots__ = ("data", "needs", "primitive", "inputs", "parents", "params", "serial", "grad", "__weakref__")

    data: Array
    needs: int
    primitive: Primitive | None
    inputs: tuple[Any, ...] | list[Any]
    parents: tuple[Any, ...] | list[Any] | None
    params: dict[str, Any]
    serial: int
    grad: Self | None

    if TYPE_CHECKING:  # the names that a Tensor shares with an array

        def __getattr__(self, name: str) -> Any: ...


class Still:
    """A tensor that was a constant when an operation used it, and stays one there whatever becomes of it."""

    __slots__ = ("tensor",)
    needs = 0

    def __init__(self, tensor: Node) -> None:
        self.tensor = tensor

    @property
    def serial(self) -> int:
        """The tensor's serial number, which tells whether it was changed since."""
        return self.tensor.serial


NO_PARAMS: dict[str, Any] = {}
serials = itertools.count()
make_node: Callable[[], Any] = Node  # tensor.py puts Tensor here


def leaf(data: Array, needs: int) -> Any:
    """Make a node without a history."""
    node = make_node()
    node.data = data
    node.needs = needs
    node.primitive = None
    node.inputs = node.parents = ()
    node.params = NO_PARAMS
    node.serial = next(serials)
    node.grad = None
    return node


class Primitive:
    """An operation, and its derivative in both directions.

    Parameters
    ----------
    name : str
        Its name; if no forward function is given, the array library's function of that name computes it.
    kind : str
        How its derivative was declared: elementwise, linear, bilinear, selection, general or zero.
    push : sequence of callables
        ``push[i](t, ans, *args, **params)`` is the tangent of the answer when argument i moves along ``t``.
    pull : sequence of callables
        ``pull[i](g, ans, *args, **params)`` is the cotangent of argument i, up to broadcasting.
    forward : callable, optional
        Computes the answer from raw arrays.
    keeps : bool
        Whether forward gives a pair, the answer and something that the rules then get as ``kept=``, so that they need
        not compute it again. It is a plain array: where a rule is given nodes, it has to compute it from them.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        push: Any,
        pull: Any,
        forward: Callable[..., Any] | None = None,
        keeps: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.push = push
        self.pull = pull
        self.forward = forward
        self.keeps = keeps
        self.forwards: dict[Any, Callable[..., Array]] = {}
        self.__doc__ = f"{name}, a primitive of kind {kind!r}."

    def forward_on(self, backend: Any) -> Callable[..., Array]:
        """Return the function that computes this operation on a backend."""
        function = self.forwards.get(backend)
        if function is None:
            function = self.forward
            if function is None:
                function = backend.module
                for part in self.name.split("."):
                    function = getattr(function, part)
            self.forwards[backend] = function
        return function

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Compute the operation, and record it if an argument is a node."""
        for argument in args:
            if isinstance(argument, Node):
                if params and self.kind in ("elementwise", "bilinear"):
                    refuse_output_settings(self.name, params)
                return record(self, args, params)
        backend = active.get() or current()
        out = (self.forwards.get(backend) or self.forward_on(backend))(*args, **params)
        return out[0] if self.keeps else out

    def __repr__(self) -> str:
        return f"<primitive {self.name}: {self.kind}>"


def refuse_output_settings(name: str, params: dict[str, Any]) -> None:
    """Refuse NumPy's keywords for where and how a result is stored, which no rule knows.

    Examples
    --------
    >>> refuse_output_settings("exp", {})
    """
    for keyword in ("out", "where", "dtype", "casting"):
        if keyword in params:
            raise TypeError(f"{name} of a Tensor cannot take {keyword}=; select or convert its result instead")


def record(primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any] = NO_PARAMS) -> Any:
    """Run an operation of which at least one argument is a node, and keep what the sweeps need."""
    now = mode.get()
    backend = active.get() or current()
    array = backend.ndarray
    needs = 0
    inputs: list[Any] = []
    parents: list[Any] = []
    for argument in args:
        if isinstance(argument, Node):
            inputs.append(argument.data)
            if argument.needs:
                needs |= argument.needs
                parents.append(argument)
            else:
                parents.append(Still(argument))
        else:
            kind = type(argument)
            plain = kind is float or kind is int or (kind is array and argument.dtype.kind in REAL)
            inputs.append(argument if plain else backend.operand(argument))
            parents.append(None)
    try:
        out = (primitive.forwards.get(backend) or primitive.forward_on(backend))(*inputs, **params)
    except (ValueError, TypeError, IndexError, ZeroDivisionError) as error:
        raise explained(primitive, inputs, error, backend) from None
    if primitive.keeps:
        out, kept = out
        params = params | {"kept": kept}
    if type(out) is not array:
        out = backend.own(out)
    node = make_node()
    node.data = out
    node.serial = next(serials)
    node.grad = None
    node.needs = needs = needs & now.recording
    if needs:
        node.primitive = primitive
        node.inputs = inputs
        node.parents = parents
        node.params = params
    else:
        node.primitive = None
        node.inputs = node.parents = ()
        node.params = NO_PARAMS
    if now.sites is not None:
        watch(node, primitive, now.sites)
    return node


def explained(primitive: Primitive, inputs: Iterable[Any], error: Exception, backend: Backend) -> Exception:
    """Rewrite an array library's error so that it names the operation and the shapes."""
    for x in inputs:
        if hasattr(x, "dtype"):
            try:
                backend.operand(x)
            except MixedDevicesError as mixed:
                return MixedDevicesError(f"{primitive.name}: {mixed}")
    shapes = ", ".join(str(getattr(x, "shape", x)) for x in inputs)
    text = f"{primitive.name} of shapes {shapes}: {error}"
    if isinstance(error, numpy.exceptions.AxisError):
        return ShapeError(text)
    if isinstance(error, numpy.linalg.LinAlgError):
        return numpy.linalg.LinAlgError(text)
    if isinstance(error, IndexError | TypeError | ZeroDivisionError):
        return type(error)(text) if type(error) in (IndexError, ZeroDivisionError) else TypeError(text)
    if "broadcast" in str(error) and primitive.kind == "elementwise":
        text += ". Shapes are compared from the right; each pair of sizes must be equal, or one of them 1."
    return ShapeError(text)


def tape_of(roots: Iterable[Node], bit: int, since: int = 0) -> tuple[list[Node], list[Node]]:
    """List what leads to the roots and takes part in derivative `bit`: operations, oldest first, and leaves.

    Nodes with a serial number below `since` belong to an earlier derivative that used the same bit, and are constants.

    Raises
    ------
    GraphError
        If a part of the graph was freed, or a tensor was changed in place after it had been used.
    """
    waiting = [root for root in roots if root.needs & bit and root.serial >= since]
    seen = set(waiting)
    tape: list[Node] = []
    leaves: list[Node] = []
    while waiting:
        node = waiting.pop()
        parents = node.parents
        if parents is None:
            raise freed()
        inner = False
        for parent in parents:
            if parent is None:
                continue
            if parent.serial > node.serial:
                raise GraphError(
                    f"{node.primitive} used a tensor that was then changed in place, by a step of an optimizer or by "
                    "loading. Compute the result again, or make the change after the backward pass."
                )
            if parent.needs & bit and parent.serial >= since:
                inner = True
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        if inner:
            tape.append(node)
        elif node.primitive is None:
            leaves.append(node)
    tape.sort(key=attrgetter("serial"))
    return tape, leaves


def freed() -> GraphError:
    """Make the error for a part of the graph that an earlier backward pass has freed."""
    return GraphError(
        "this graph was freed by an earlier backward pass. Pass retain_graph=True to that backward call, "
        "or compute the result again."
    )


def changed_in_place(leaf: Node) -> None:
    """Say that a leaf's data were changed: graphs that used it before can no longer be differentiated."""
    leaf.serial = next(serials)


def push(tape: list[Node], tangents: dict[int, Any], bit: int, wanted: Iterable[Node]) -> None:
    """Walk the tape forwards and leave in `tangents` those of the wanted nodes, by serial number.

    Parameters
    ----------
    tape : list of Node
        In order of creation.
    tangents : dict
        From serial number to tangent; holds those of the leaves at the start.
    bit : int
        The derivative that the tape was recorded for.
    wanted : iterable of Node
        Whose tangents to keep; any other is freed after the last operation that it goes into.
    """
    last = {parent.serial: node.serial for node in tape for parent in node.parents or () if parent is not None}
    last |= {node.serial: -1 for node in wanted}
    keep = mode.get().recording
    sites = mode.get().sites
    for node in tape:
        total = None
        parents = node.parents
        if parents is None:
            raise freed()
        args, answer = as_seen(node, keep) if node.needs & keep else (node.inputs, node.data)
        for i, parent in enumerate(parents):
            if parent is None or not parent.needs & bit:
                continue
            tangent = tangents.get(parent.serial)
            if tangent is None:
                continue
            rule = node.primitive.push[i]  # type: ignore[union-attr]
            if sites is not None:
                rule = watched(rule, node, "forward", sites)
            term = rule(tangent, answer, *args, **node.params)
            total = term if total is None else total + term
        if total is None:
            continue
        if total.shape != node.data.shape or total.dtype is not node.data.dtype:
            total = broadcast(total, node.data.shape, node.data.dtype)
        if sites is not None:
            check_sweep(total, node, "forward", sites)
        tangents[node.serial] = total
        for parent in parents:
            if parent is not None and last[parent.serial] == node.serial:
                tangents.pop(parent.serial, None)


def pull(tape: list[Node], cotangents: dict[int, Any], bit: int, consume: bool = False) -> None:
    """Walk the tape backwards and leave in `cotangents` those of the leaves, by serial number.

    Parameters
    ----------
    tape : list of Node
        In order of creation; emptied if `consume`.
    cotangents : dict
        From serial number to cotangent; holds those of the roots at the start.
    bit : int
        The derivative that the tape was recorded for.
    consume : bool
        Free every node as soon as it is done, unless an outer derivative still needs it.
    """
    keep = mode.get().recording
    sites = mode.get().sites
    own: set[int] = set()
    rest = tape if consume else tape.copy()
    while rest:
        node = rest.pop()  # off the list, so that no node outlives its turn
        g = cotangents.pop(node.serial, None)
        if g is not None:
            parents = node.parents
            if parents is None:
                raise freed()
            args, answer = as_seen(node, keep) if node.needs & keep else (node.inputs, node.data)
            params = node.params
            rules = node.primitive.pull  # type: ignore[union-attr]
            for i, parent in enumerate(parents):
                if parent is None or not parent.needs & bit:
                    continue
                rule = rules[i]
                if sites is not None:
                    rule = watched(rule, node, "backward", sites)
                term = rule(g, answer, *args, **params) if params else rule(g, answer, *args)
                data = parent.data
                if term.shape != data.shape or term.dtype is not data.dtype:
                    term = unbroadcast(term, data.shape, data.dtype)
                if sites is not None:
                    check_sweep(term, node, "backward", sites)
                serial = parent.serial
                known = cotangents.get(serial)
                if known is None:
                    cotangents[serial] = term
                elif serial in own and type(known) is type(term):  # made by the sum below, so ours to change
                    known += term
                    cotangents[serial] = known
                else:
                    cotangents[serial] = known + term
                    own.add(serial)
                if sites is not None and known is not None:
                    check_sweep(cotangents[serial], node, "backward", sites)
        if consume and not node.needs & ~bit:  # a node that no other derivative can want
            node.parents = None
            node.inputs = ()


def as_seen(node: Node, keep: int) -> tuple[Any, Any]:
    """Give a rule its arguments as nodes where a derivative in `keep` is being recorded, and raw elsewhere."""
    pairs = zip(node.parents or (), node.inputs, strict=True)
    return [x if parent is None or not parent.needs & keep else parent for parent, x in pairs], node


def broadcast(tangent: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Do to a tangent what the operation did to its argument: stretch it, and promote its dtype.

    Examples
    --------
    >>> import numpy
    >>> broadcast(numpy.ones(2, "float32"), (2, 2), numpy.dtype("float64"))
    array([[1., 1.],
           [1., 1.]])
    """
    if tangent.shape != shape:
        tangent = tangent.broadcast_to(shape) if isinstance(tangent, Node) else xp.broadcast_to(tangent, shape)
    return tangent if tangent.dtype == dtype else tangent.astype(dtype)


def unbroadcast(cotangent: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Undo broadcasting and promotion: sum over the axes that were stretched, and return to the argument's dtype.

    Examples
    --------
    >>> import numpy
    >>> unbroadcast(numpy.ones((4, 3)), (3,), numpy.dtype("float32"))
    array([4., 4., 4.], dtype=float32)
    """
    extra = len(cotangent.shape) - len(shape)
    if extra > 0:
        cotangent = cotangent.sum(axis=tuple(range(extra)))
    stretched = tuple(i for i, (n, m) in enumerate(zip(shape, cotangent.shape, strict=False)) if n == 1 and m != 1)
    if stretched:
        cotangent = cotangent.sum(axis=stretched, keepdims=True)
    return cotangent if cotangent.dtype == dtype else cotangent.astype(dtype)


def watch(node: Node, primitive: Primitive, sites: dict[int, str]) -> None:
    """Under `detect_anomaly`: remember who called, and stop at the first NaN or infinity."""
    inside = mode.get().inside
    sites[node.serial] = inside or calling_line()
    if node.data.dtype.kind == "f" and not bool(xp.isfinite(node.data).all()):
        raise AnomalyError(
            f"{inside or primitive.name + ', called at ' + sites[node.serial]}, produced {_what(node.data)}"
        )


def watched(rule: Rule, node: Node, direction: str, sites: dict[int, str]) -> Rule:
    """Under `detect_anomaly`: let what a rule computes be named after the operation that it belongs to."""

    def named(*args: Any, **params: Any) -> Any:
        with switched(inside=_sweep_through(node, direction, sites)):
            return rule(*args, **params)

    return named


def _sweep_through(node: Node, direction: str, sites: dict[int, str]) -> str:
    name = node.primitive.name if node.primitive else "a leaf"
    return (
        f"the {direction} sweep through {name}, called at {sites.get(node.serial, 'a line outside detect_anomaly()')}"
    )


def check_sweep(value: Any, node: Node, direction: str, sites: dict[int, str]) -> None:
    """Under `detect_anomaly`: stop where a derivative first becomes NaN or infinite."""
    data = value.data if isinstance(value, Node) else value
    if not bool(xp.isfinite(data).all()):
        raise AnomalyError(f"{_sweep_through(node, direction, sites)}, produced {_what(data)}")


def _what(data: Array) -> str:
    return "NaN" if bool(xp.isnan(data).any()) else "an infinite value"


def calling_line() -> str:
    """Say which line outside the engine is being run: ``file:line: its text``."""
    import linecache

    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("minigrad."):
        frame = frame.f_back
    name, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(name, line).strip()
    return f"{name}:{line}: {text}" if text else f"{name}:{line}"
