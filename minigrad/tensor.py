"""`Tensor`: an array that remembers how it was made, with NumPy's operators and method names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any, NoReturn

import numpy
from numpy import ndarray

from minigrad import tape
from minigrad.backend import REAL, current, settle, to_host
from minigrad.primitives import elementwise as e
from minigrad.primitives import linear
from minigrad.primitives.bilinear import matmul
from minigrad.tape import Array, GraphError, Node, ShapeError, mode, pull, record, serials, switched, tape_of


class Tensor(Node):
    """An array that records the operations it goes through.

    Parameters
    ----------
    data : array_like
        The value. An array is not copied; use `tensor` for a copy.
    requires_grad : bool
        Whether `backward` shall compute a gradient for it. Only floating-point tensors can have one.

    Attributes
    ----------
    data : array
        The plain array.
    grad : Tensor or None
        The sum of the gradients of all `backward` calls so far.

    Raises
    ------
    TypeError
        If `data` is not numeric, or is not floating-point although `requires_grad` is set.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.numpy()
    array([2., 4., 6.])
    """

    __slots__ = ()
    __hash__ = object.__hash__

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data = _numeric(data.data if isinstance(data, Tensor) else data)
        self.needs = 0
        self.primitive = None
        self.inputs = self.parents = ()
        self.params = {}
        self.serial = next(serials)
        self.grad = None
        if requires_grad:
            self.requires_grad = True

    # What it holds

    @property
    def requires_grad(self) -> bool:
        """Whether a derivative flows through this tensor."""
        return bool(self.needs)

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.primitive is not None:
            raise GraphError("requires_grad can be set on a leaf only, not on the result of an operation; use detach()")
        if wanted:
            require_float(self.data)
        self.needs = self.needs | 1 if wanted else self.needs & ~1

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes, one per axis."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of its elements."""
        return self.data.size

    @property
    def dtype(self) -> Any:
        """The type of its elements."""
        return self.data.dtype

    def numpy(self) -> ndarray:
        """Give its value as a NumPy array on the host.

        Examples
        --------
        >>> tensor([1.0, 2.0], requires_grad=True).numpy()
        array([1., 2.])
        """
        return to_host(self.data)

    def item(self) -> float | int | bool:
        """Give its only element as a Python number.

        Examples
        --------
        >>> tensor([2.5]).item()
        2.5
        """
        settle()
        return self.data.item()

    def tolist(self) -> Any:
        """Give its value as nested Python lists.

        Examples
        --------
        >>> tensor([[1.0, 2.0]]).tolist()
        [[1.0, 2.0]]
        """
        settle()
        return self.data.tolist()

    def detach(self) -> Tensor:
        """Give a tensor with the same value that no derivative flows through.

        That of a leaf is a copy, because a leaf is what optimizers change in place.

        Examples
        --------
        >>> tensor(2.0, requires_grad=True).detach()
        tensor(2.)
        """
        return tape.leaf(self.data if self.primitive else self.data.copy(), 0)

    def backward(self, gradient: Any = None, *, create_graph: bool = False, retain_graph: bool | None = None) -> None:
        """Compute the gradient of this tensor and add it to `grad` of every leaf that requires one.

        Parameters
        ----------
        gradient : array_like, optional
            The cotangent to pull back, of this tensor's shape. May be left out for a scalar.
        create_graph : bool
            Record the sweep itself, so that the gradients can be differentiated again. The graph then holds the leaves
            and their `grad` holds the graph; set ``x.grad = None`` when done, or use `minigrad.grad`, which makes no
            such cycle.
        retain_graph : bool, optional
            Keep the graph for another backward pass. Defaults to `create_graph`.

        Raises
        ------
        GraphError
            If nothing that leads here requires a gradient, or if the graph was freed by an earlier pass.
        ShapeError
            If this tensor is not a scalar and no gradient is given, or if the gradient has another shape.

        Examples
        --------
        >>> x = Tensor(3.0, requires_grad=True)
        >>> (x**2).backward(create_graph=True)
        >>> float(x.grad)
        6.0
        """
        if not self.needs & 1:
            raise GraphError(
                "backward() on a tensor that no leaf with requires_grad=True leads to. "
                "Make the inputs with minigrad.tensor(x, requires_grad=True), and do not work inside no_grad()."
            )
        seed = _seed(self, gradient)
        keep_graph = create_graph if retain_graph is None else retain_graph
        now = mode.get()
        recording = now.recording if create_graph else now.recording & ~1
        with switched(recording=recording):
            nodes, leaves = tape_of([self], 1)
            cotangents = {self.serial: seed}
            pull(nodes, cotangents, 1, consume=not keep_graph)
            for node in leaves:
                gradient = cotangents.get(node.serial)
                if gradient is not None:
                    known = gradient if isinstance(gradient, Tensor) else tape.leaf(_owned(gradient), 0)
                    node.grad = known if node.grad is None else node.grad + known

    # Arithmetic

    def __add__(self, other: Any) -> Any:
        return record(e.add, (self, other))

    def __radd__(self, other: Any) -> Any:
        return record(e.add, (other, self))

    def __sub__(self, other: Any) -> Any:
        return record(e.subtract, (self, other))

    def __rsub__(self, other: Any) -> Any:
        return record(e.subtract, (other, self))

    def __mul__(self, other: Any) -> Any:
        return record(e.multiply, (self, other))

    def __rmul__(self, other: Any) -> Any:
        return record(e.multiply, (other, self))

    def __truediv__(self, other: Any) -> Any:
        return record(e.divide, (self, other))

    def __rtruediv__(self, other: Any) -> Any:
        return record(e.divide, (other, self))

    def __floordiv__(self, other: Any) -> Any:
        return e.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return e.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return record(e.remainder, (self, other))

    def __rmod__(self, other: Any) -> Any:
        return record(e.remainder, (other, self))

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __pow__(self, other: Any) -> Any:
        return record(e.power, (self, other))

    def __rpow__(self, other: Any) -> Any:
        return record(e.power, (other, self))

    def __matmul__(self, other: Any) -> Any:
        return record(matmul, (self, other))

    def __rmatmul__(self, other: Any) -> Any:
        return record(matmul, (other, self))

    def __neg__(self) -> Any:
        return record(e.negative, (self,))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return e.absolute(self)

    def __eq__(self, other: object) -> Any:
        return e.equal(self, other)

    def __ne__(self, other: object) -> Any:
        return e.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return e.less(self, other)

    def __le__(self, other: Any) -> Any:
        return e.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return e.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return e.greater_equal(self, other)

    # Indexing and conversion

    def __getitem__(self, index: Any) -> Any:
        return linear.getitem(self, index=plain_index(index))

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "a Tensor cannot be changed in place, because what was computed from it would be differentiated wrongly. "
            "Write it as a new array: np.where(mask, new, x), np.concatenate([...]), or np.stack([...])."
        )

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("a Tensor without axes cannot be iterated over; use item() for its value")
        return (self[i] for i in range(len(self.data)))

    def __bool__(self) -> bool:
        settle()
        return bool(self.data)

    def __int__(self) -> int:
        return int(self._constant("int()"))

    def __index__(self) -> int:
        return to_host(self.data).__index__()

    def __float__(self) -> float:
        return float(self._constant("float()"))

    def __format__(self, spec: str) -> str:
        return format(self.item() if not self.ndim else self, spec) if spec else str(self)

    def _constant(self, what: str) -> Array:
        if self.needs & ~1:
            raise TypeError(
                f"{what} of a value under differentiation would lose its derivative (math.sin(x) does this too). "
                "Use the functions of minigrad.numpy; for a plain number on purpose, x.item()."
            )
        settle()
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        if self.needs:
            raise TypeError(
                "this Tensor is being differentiated; as a plain NumPy array it would lose its derivative. "
                "Use the functions of minigrad.numpy (np.stack for a list of tensors); for its value, x.numpy()."
            )
        return numpy.array(to_host(self.data), dtype=dtype, copy=copy)

    def __copy__(self) -> Tensor:
        return e.positive(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.primitive is not None:
            raise GraphError("only a leaf can be deep-copied; use x.detach() for the value alone")
        copy = object.__new__(type(self))
        Tensor.__init__(copy, self.data.copy(), requires_grad=bool(self.needs & 1))
        memo[id(self)] = copy
        return copy

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Tensor cannot be pickled; save its value: x.numpy()")

    def __repr__(self) -> str:
        values = numpy.array2string(self.numpy(), separator=", ", prefix="tensor(")
        dtype = "" if self.dtype == numpy.float64 else f", dtype={self.dtype}"
        return f"tensor({values}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    # Methods; minigrad.numpy adds NumPy's others, and what NumPy's own functions do when they meet a Tensor

    @property
    def T(self) -> Any:
        """The tensor with its axes in reverse order."""
        return linear.transpose(self)

    def reshape(self, *shape: Any) -> Any:
        """Give the same elements another shape.

        Examples
        --------
        >>> tensor([1.0, 2.0]).reshape(2, 1).shape
        (2, 1)
        """
        return linear.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def astype(self, dtype: Any) -> Any:
        """Convert the elements to another floating-point type, or to a plain array of any other type.

        Examples
        --------
        >>> x = tensor([1.0, 2.0])
        >>> x.astype("float32"), x.astype(int)
        (tensor([1., 2.], dtype=float32), array([1, 2]))
        """
        if numpy.dtype(dtype).kind not in REAL:
            raise TypeError(f"a Tensor holds real numbers; it cannot become {numpy.dtype(dtype)}")
        if numpy.dtype(dtype).kind != "f":
            return self.data.astype(dtype)
        return linear.astype(self, dtype=numpy.dtype(dtype))


tape.make_node = partial(object.__new__, Tensor)


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a Tensor on the active backend from a copy of the data.

    Parameters
    ----------
    data : array_like
        Numbers, nested lists, or an array.
    dtype : dtype, optional
        Defaults to that of the data; Python floats give float64, as in NumPy.
    requires_grad : bool
        Whether `Tensor.backward` shall compute its gradient.

    Raises
    ------
    TypeError
        If the data are not numbers, or are integers although a gradient is required.

    Examples
    --------
    >>> tensor([1, 2], dtype="float32", requires_grad=True)
    tensor([1., 2.], dtype=float32, requires_grad=True)
    """
    value = _numeric(data.data if isinstance(data, Tensor) else data, dtype)
    return Tensor(
        value.copy() if value is data or isinstance(data, Tensor) or value.base is not None else value, requires_grad
    )


def _numeric(data: Any, dtype: Any = None) -> Array:
    try:
        value = current().asarray(data, dtype)
    except ValueError as error:
        kind = TypeError if "dtype" in str(error) else ShapeError
        raise kind(f"cannot make an array of {type(data).__name__}: {error}") from None
    if value.dtype.kind not in REAL:
        raise TypeError(
            f"got data of type {value.dtype}; a Tensor holds real numbers. "
            "A list that mixes tensors and numbers is joined with minigrad.numpy.stack."
        )
    return value


def require_float(data: Array) -> None:
    """Refuse anything but floating-point data where a gradient is asked for."""
    if data.dtype.kind != "f":
        raise TypeError(
            f"a gradient needs floating-point numbers, and this is {data.dtype}. Write 3.0 instead of 3, or convert: "
            "x.astype('float64')."
        )


def plain_index(index: Any) -> Any:
    """Take the plain arrays out of an index, and turn lists into arrays."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, Tensor):
        return index.data
    if isinstance(index, list):
        return current().module.asarray(index) if index else current().module.zeros(0, int)
    return index


def _seed(output: Tensor, gradient: Any) -> Any:
    if gradient is None:
        if output.size != 1:
            raise ShapeError(
                f"backward() of a tensor of shape {output.shape} needs a cotangent of that shape; "
                "for the gradient of the sum, call x.sum().backward()."
            )
        return current().module.ones_like(output.data)
    seed = gradient if isinstance(gradient, Tensor) else _numeric(gradient)
    if seed.shape != output.shape:
        raise ShapeError(f"the gradient given to backward() has shape {seed.shape}, and the tensor {output.shape}")
    return seed.astype(output.dtype)  # a copy: it may become the gradient of a leaf, which its owner changes in place


def _owned(gradient: Array) -> Array:
    """Copy a gradient that is a view of something else, so that the caller may change it."""
    return gradient.copy() if gradient.base is not None else gradient


class no_grad:
    """Compute without recording, in a ``with`` block; its results are constants for every derivative outside.

    Examples
    --------
    >>> x = tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        self._switches: list[switched] = []

    def __enter__(self) -> None:
        self._switches.append(switched(recording=0))
        self._switches[-1].__enter__()

    def __exit__(self, *exception: object) -> None:
        self._switches.pop().__exit__(*exception)


class detect_anomaly:
    """Stop at the first NaN or infinity, naming the operation and the line that called it.

    Raises
    ------
    AnomalyError
        From the operation, or from the sweep through it, that produced the value.

    Examples
    --------
    >>> with detect_anomaly():
    ...     tensor(0.0, requires_grad=True).sum()
    tensor(0., requires_grad=True)
    """

    def __enter__(self) -> None:
        self._quiet = numpy.errstate(all="ignore")
        self._quiet.__enter__()
        self._switch = switched(sites={})
        self._switch.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._switch.__exit__(kind, error, trace)
        self._quiet.__exit__(kind, error, trace)


__all__ = ["Tensor", "detect_anomaly", "no_grad", "tensor"]
