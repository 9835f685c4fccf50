"""Functions of each element alone. Each line is a function and its partial derivatives; t is what they multiply."""

from __future__ import annotations

import math
from typing import Any

import numpy

from minigrad.backend import floating, xp
from minigrad.primitives.kinds import elementwise, raw, zero
from minigrad.tape import Primitive


def as_weights(mask: Any, like: Any) -> Any:
    """Turn a boolean array into zeros and ones of the same dtype as `like`, so that float32 stays float32."""
    return raw(mask).astype(like.dtype)


def ratio_or_zero(x: Any, length: Any) -> Any:
    """Give x/length, and 0 where the length is 0: the convention that makes a norm's derivative 0 at the origin."""
    at_zero = raw(length) == 0.0
    return where(at_zero, 0.0, x / where(at_zero, 1.0, length))


def finite(x: Any) -> Any:
    """Give x, and 0 where it is infinite: differences of equal infinities are then not NaN."""
    return where(xp.isfinite(raw(x)), x, 0.0)


# Piecewise constant: comparisons, signs and roundings. Their answers are plain arrays.
greater = zero("greater")
greater_equal = zero("greater_equal")
less = zero("less")
less_equal = zero("less_equal")
equal = zero("equal")
not_equal = zero("not_equal")
sign = zero("sign")
floor = zero("floor")
ceil = zero("ceil")
trunc = zero("trunc")
rint = zero("rint")
floor_divide = zero("floor_divide")
isfinite = zero("isfinite")
isnan = zero("isnan")
isinf = zero("isinf")
signbit = zero("signbit")
logical_and = zero("logical_and")
logical_or = zero("logical_or")
logical_not = zero("logical_not")
logical_xor = zero("logical_xor")

# Arithmetic
positive = elementwise("positive", lambda t, ans, x: t)
negative = elementwise("negative", lambda t, ans, x: -t)
add = elementwise("add", lambda t, ans, x, y: t, lambda t, ans, x, y: t)
subtract = elementwise("subtract", lambda t, ans, x, y: t, lambda t, ans, x, y: -t)
multiply = elementwise("multiply", lambda t, ans, x, y: t * y, lambda t, ans, x, y: t * x)
divide = elementwise("divide", lambda t, ans, x, y: t / y, lambda t, ans, x, y: -t * (ans / y))
reciprocal = elementwise("reciprocal", lambda t, ans, x: -t * (ans * ans))
remainder = elementwise("remainder", lambda t, ans, x, y: t, lambda t, ans, x, y: -t * floor(raw(x) / raw(y)))


def _times_power_base(t: Any, ans: Any, x: Any, p: Any) -> Any:
    """d/dx x^p = p x^(p-1), and 0 for p = 0 also at x = 0."""
    if isinstance(p, int | float):
        return t * 0.0 if p == 0 else t if p == 1 else t * (p * x ** (p - 1))
    flat = (raw(p) == 0.0) & (raw(x) == 0.0)
    return t * (p * x ** where(flat, 1.0, p - 1.0))


def _times_power_exponent(t: Any, ans: Any, x: Any, p: Any) -> Any:
    """d/dp x^p = x^p log x, and 0 at x = 0."""
    if isinstance(x, int | float):
        return t * (ans * (math.log(x) if x > 0 else 0.0 if x == 0 else math.nan))
    return t * (ans * log(where(raw(x) == 0.0, 1.0, x)))


power = elementwise("power", _times_power_base, _times_power_exponent, forward=lambda x, p: x**p)
square = elementwise("square", lambda t, ans, x: t * (2.0 * x))
sqrt = elementwise("sqrt", lambda t, ans, x: t / (2.0 * ans))
cbrt = elementwise("cbrt", lambda t, ans, x: t / (3.0 * ans * ans))

# Exponentials and logarithms
exp = elementwise("exp", lambda t, ans, x: t * ans)
exp2 = elementwise("exp2", lambda t, ans, x: t * (math.log(2.0) * ans))
expm1 = elementwise("expm1", lambda t, ans, x: t * (ans + 1.0))
log = elementwise("log", lambda t, ans, x: t / x)
log2 = elementwise("log2", lambda t, ans, x: t / (math.log(2.0) * x))
log10 = elementwise("log10", lambda t, ans, x: t / (math.log(10.0) * x))
log1p = elementwise("log1p", lambda t, ans, x: t / (1.0 + x))
logaddexp = elementwise(
    "logaddexp", lambda t, ans, x, y: t * exp(x - finite(ans)), lambda t, ans, x, y: t * exp(y - finite(ans))
)

# Trigonometric and hyperbolic functions, and their inverses
sin = elementwise("sin", lambda t, ans, x: t * cos(x))
cos: Primitive = elementwise("cos", lambda t, ans, x: -t * sin(x))
tan = elementwise("tan", lambda t, ans, x: t + t * (ans * ans))
arcsin = elementwise("arcsin", lambda t, ans, x: t / sqrt((1.0 - x) * (1.0 + x)))
arccos = elementwise("arccos", lambda t, ans, x: -t / sqrt((1.0 - x) * (1.0 + x)))
arctan = elementwise("arctan", lambda t, ans, x: t / (1.0 + x * x))


def _times_arctan2(t: Any, side: Any, x: Any, y: Any) -> Any:
    length = hypot(x, y)  # squares could leave the range of floating-point numbers
    return t * (side / length) / length


arctan2 = elementwise(
    "arctan2", lambda t, ans, y, x: _times_arctan2(t, x, x, y), lambda t, ans, y, x: -_times_arctan2(t, y, x, y)
)
hypot: Primitive = elementwise(
    "hypot", lambda t, ans, x, y: t * ratio_or_zero(x, ans), lambda t, ans, x, y: t * ratio_or_zero(y, ans)
)
sinh = elementwise("sinh", lambda t, ans, x: t * cosh(x))
cosh: Primitive = elementwise("cosh", lambda t, ans, x: t * sinh(x))
tanh = elementwise("tanh", lambda t, ans, x: t - t * (ans * ans))
arcsinh = elementwise("arcsinh", lambda t, ans, x: t / sqrt(x * x + 1.0))
arccosh = elementwise("arccosh", lambda t, ans, x: t / sqrt((x - 1.0) * (x + 1.0)))
arctanh = elementwise("arctanh", lambda t, ans, x: t / ((1.0 - x) * (1.0 + x)))


def _sinc_derivative(x: Any, *, order: int) -> Any:
    """The derivative of sin(pi x)/(pi x) of any order k.

    Away from 0 by the recurrence x s_k = pi^(k-1) sin(pi x + k pi/2) - k s_(k-1), which is the k-th derivative of
    x s_0 = sin(pi x)/pi; near 0, where that cancels, by the power series.
    """
    near = abs(x) < 0.5 + 0.5 * order
    far_x = xp.where(near, 1.0, x)
    far = xp.sin(math.pi * far_x) / (math.pi * far_x)
    for k in range(1, order + 1):
        far = (math.pi ** (k - 1) * xp.sin(math.pi * far_x + k * math.pi / 2) - k * far) / far_x
    near_x = xp.where(near, x, 0.0)
    terms = range(first := (order + 1) // 2, first + 16 + 3 * order)
    series = xp.zeros_like(near_x)
    for j in reversed(terms):
        coefficient = (-1) ** j * math.pi ** (2 * j) / math.factorial(2 * j + 1) * math.perm(2 * j, order)
        series = series * near_x * near_x + coefficient
    return xp.where(near, series * near_x ** (2 * first - order), far).astype(x.dtype)


sinc_derivative: Primitive = elementwise(
    "sinc_derivative",
    lambda t, ans, x, *, order: t * sinc_derivative(x, order=order + 1),
    forward=_sinc_derivative,
)
sinc = elementwise("sinc", lambda t, ans, x: t * sinc_derivative(x, order=1))


def _erf(x: Any) -> Any:
    """The trapezoidal rule of step h for erf(x) = 2/π ∫₀^∞ exp(−t²) sin(2xt)/t dt, summed by Clenshaw's recurrence.

    Its error falls so fast with h that 24 terms are exact to rounding where erf is not yet ±1.
    """
    x = floating(x)
    h, near = math.pi / 12.0, 6.0
    inner = xp.clip(x, -near, near)
    angle = 2.0 * h * inner
    twice_cosine = 2.0 * xp.cos(angle)
    later = last = 0.0
    for n in range(24, 0, -1):
        later, last = last, 2.0 / math.pi * math.exp(-((n * h) ** 2)) / n + twice_cosine * last - later
    series = 2.0 / math.pi * h * inner + xp.sin(angle) * last
    return xp.where(abs(x) < near, xp.clip(series, -1.0, 1.0), xp.sign(x))


def _times_bell(t: Any, ans: Any, x: Any) -> Any:
    inner = clip(x, -30.0, 30.0)  # beyond, exp(-x^2) is 0, and x^2 may leave the range of floating-point numbers
    return t * (2.0 / math.sqrt(math.pi) * exp(-(inner * inner)))


erf = elementwise("erf", _times_bell, forward=_erf)

# Kinks: the derivative at the kink is a convention, listed in docs/conventions.md
absolute = elementwise("absolute", lambda t, ans, x: t * sign(x))


def _times_share(t: Any, winner: Any, loser: Any) -> Any:
    """Give t to the larger argument, and half of it to each where they tie."""
    winner, loser = raw(winner), raw(loser)
    return t * (0.5 * (as_weights(winner > loser, t) + as_weights(winner >= loser, t)))


maximum = elementwise("maximum", lambda t, ans, x, y: _times_share(t, x, y), lambda t, ans, x, y: _times_share(t, y, x))
minimum = elementwise("minimum", lambda t, ans, x, y: _times_share(t, y, x), lambda t, ans, x, y: _times_share(t, x, y))


clip = elementwise(
    "clip",
    lambda t, ans, x, low, high: t * as_weights(raw(ans) == raw(x), t),
    lambda t, ans, x, low, high: t * as_weights((raw(x) < raw(low)) & (raw(ans) == raw(low)), t),
    lambda t, ans, x, low, high: t * as_weights((raw(ans) != raw(x)) & (raw(ans) == raw(high)), t),
)


def _where(condition: Any, x: Any, y: Any) -> Any:
    # CuPy takes no Python scalar as a condition
    return xp.where(condition if hasattr(condition, "astype") else xp.asarray(condition), x, y)


def _no_rule(t: Any, ans: Any, condition: Any, x: Any, y: Any) -> Any:
    raise TypeError("where: the condition cannot carry a derivative; compare with >, < or == to get a mask")


where: Primitive = elementwise(
    "where",
    _no_rule,
    lambda t, ans, condition, x, y: where(condition, t, 0.0),
    lambda t, ans, condition, x, y: where(condition, 0.0, t),
    forward=_where,
)

# Activations, each stable in both tails


def _sigmoid(x: Any) -> Any:
    with numpy.errstate(over="ignore"):  # where exp overflows, the sigmoid is 0
        total = xp.exp(-floating(x))
        total += 1.0
        return xp.reciprocal(total)


def _softplus(x: Any) -> Any:
    x = floating(x)
    return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-abs(x)))


def _relu(x: Any) -> Any:
    x = x if hasattr(x, "dtype") else xp.asarray(x)
    # against a row of zeros, NumPy's maximum is vectorised; against the scalar 0.0 it is several times slower
    return xp.maximum(x, xp.zeros(x.shape[-1:], x.dtype))


sigmoid: Primitive = elementwise("sigmoid", lambda t, ans, x: (t - t * ans) * ans, forward=_sigmoid)
softplus = elementwise(
    "softplus",
    lambda t, ans, x: t * sigmoid(x),
    forward=_softplus,
)
relu = elementwise("relu", lambda t, ans, x: t * as_weights(raw(ans) > 0.0, t), forward=_relu)


def _leaky_relu(x: Any, *, slope: float) -> Any:
    if slope == 0.0:
        return _relu(x)  # 0 times infinity would be NaN
    larger = xp.maximum if slope <= 1.0 else xp.minimum
    return larger(x, slope * x)


def _times_leaky(t: Any, ans: Any, x: Any, *, slope: float) -> Any:
    factor = as_weights(raw(x) > 0.0, t)
    factor *= 1.0 - slope
    factor += slope
    return t * factor


leaky_relu = elementwise("leaky_relu", _times_leaky, forward=_leaky_relu)

# A derivative that is declared to be another one: the value is x, and the derivative is the factor instead of 1

scale_gradient = elementwise("scale_gradient", lambda t, ans, x, *, factor: t * factor, forward=lambda x, *, factor: x)
