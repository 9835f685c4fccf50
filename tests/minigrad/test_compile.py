"""A step that is compiled does what the step does, bit for bit, and refuses what it could not replay."""

import threading
import warnings

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
import minigrad.numpy as np
from minigrad import nn, optim, prox
from minigrad.primitives import TABLE
from minigrad.testing import strategies as ms
from tests.minigrad.cases import CASES
from tests.minigrad.test_programs import STEPS, programs, run

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def bits(x):
    """Give the types, shapes and bytes of what a step returns."""
    if isinstance(x, dict):
        return {name: bits(part) for name, part in x.items()}
    if isinstance(x, tuple | list):
        return type(x), [bits(part) for part in x]
    if isinstance(x, mg.Tensor | numpy.ndarray | numpy.generic):
        kind = type(x) if isinstance(x, mg.Tensor | numpy.ndarray) else numpy.generic
        array = numpy.asarray(x.data if isinstance(x, mg.Tensor) else x)
        return kind, array.dtype, array.shape, array.tobytes()
    return type(x), repr(x)


def assert_replays(step, *calls):
    """Assert that a step and the compiled one give the same bits for each tuple of arguments; the third is a replay."""
    fast = mg.compile(step)
    results = []
    for args in calls:
        expected, given = step(*args), fast(*args)
        assert bits(given) == bits(expected)
        results.append((given, bits(given)))
    assert fast.replays == len(calls) - 2
    assert all(bits(given) == before for given, before in results), "what was handed out has changed"
    return fast


# What is computed


WITHOUT_SECOND = {"spectral_norm"}  # whether two singular values are equal is asked with an if
WITHOUT_FIRST = {"top_singular_pair"}


@settings(max_examples=4)
@pytest.mark.parametrize("name", sorted(set(CASES) - WITHOUT_FIRST))
@given(data=st.data())
def test_every_primitive_replays_with_its_derivatives(name, data):
    f, args = data.draw(CASES[name])
    dtype = data.draw(st.sampled_from(["float64", "float32"]))

    def step(*xs):
        out, derivative = mg.linearize(f, *xs)
        first = [out, derivative.push(*xs), *derivative.pull(out)]
        if name in WITHOUT_SECOND:
            return first
        gradients, second = mg.linearize(lambda *x: mg.vjp(f, *x)[1](out), *xs)
        return [*first, *gradients, *second.push(*xs), *second.pull(gradients)]

    assert_replays(step, *([numpy.asarray(x * factor, dtype) for x in args] for factor in (1.0, 1.0, 0.9375, 1.03125)))


SPECIAL = [0.0, -0.0, 1.0, -1.5, 3.0, 1e-310, -5e-324, 1e-40, 70000.0, -2.5e38, numpy.inf, -numpy.inf, numpy.nan]
DTYPES = ["float64", "float32", "float16", "int64", "int8", "uint8", "bool"]
OF_ONE = {
    "sum": lambda x: [x.sum(axis) for axis in (None, 0, 1, (0, 1))],
    "keepdims": lambda x: (numpy.sum(x, axis=1, keepdims=True), x.max(0, keepdims=True), numpy.prod(x, 0)),
    "extremes": lambda x: (x.max(), numpy.min(x, axis=1), x.max(1) - x.min(0)[:1]),
    "mean": lambda x: [x.mean(axis) for axis in (None, 0, 1)],
    "mean inside": lambda x: numpy.exp(numpy.mean(x, axis=0, keepdims=True) + x.mean()),
    "truths": lambda x: ((x > 0).all(0) | (x < 1).any(1)[:1], numpy.all(x), (x > 0).any()),
    "powers": lambda x: [x**e for e in (0, 1, 2, 2.0, 3, 0.5)],
    "powers inside": lambda x: [(x + 1.0) ** e * 2.0 for e in (-1, 0.5, 2, 2.5)],
    "powers of numbers": lambda x: [x.astype(float).sum() ** e for e in (-1, 2, 3, 0.5, x.astype(float).max())],
    "reflected": lambda x: (2.0**x, 1.0 - x, 2.5 / (x + 3.0), 1.5 // (x + 0.5), 7 % (x + 0.5)),
    "types": lambda x: [x.astype(dtype) for dtype in (numpy.float64, numpy.float32, numpy.float16, bool)],
    "types inside": lambda x: x.astype("float32").astype("float64") + x.astype(bool).astype("int8"),
    "copies": lambda x: (x.copy(), x.T.copy() + x.T, x[::-1].copy("K") * 1.5),
    "cumsum": lambda x: (x.cumsum(), numpy.cumsum(x, axis=0) + x.cumsum(1)),
    "clip": lambda x: (x.clip(0, 1), numpy.clip(x, None, 1) + 0.5),
    "where": lambda x: (numpy.where(x > 0, x, 0), numpy.where(x > 1, 0.5, x) * 2.0),
    "where of others": lambda x: numpy.where(x.T > 0, x.T, 1.5).sum(0) + numpy.where(x[:, :9].T, x[:9, :9], 0.5)[0, 0],
    "concatenate": lambda x: numpy.concatenate([x, x[:1], x * 2], axis=0) + numpy.stack([x[0]] * 3)[:1],
    "einsum": lambda x: (numpy.einsum("ij,kj->ik", x, x), numpy.einsum("ij,ij->i", x, x) + 1, numpy.einsum("ij->j", x)),
    "matmul": lambda x: (x.T @ x, (x @ x.T) @ x, x @ x[0], x[0] @ x[1]),
    "made once": lambda x: x * numpy.ones_like(x, "float64") + numpy.zeros_like(x) + numpy.full_like(x, 1) * 2,
    "numbers": lambda x: (x.astype(float).sum() * 2.0 + x.astype(float).max(), -x.max(), abs(x.max())),
    "into": lambda x: into(x.astype(float)),
    "layout": lambda x: (x.T.sum(0), x[::-1, ::-1].astype(float).sum(1), (x + 1.0).T.sum(1), (x * 1.0)[:, ::2].sum(0)),
    "two results": lambda x: [part * 1.0 for part in numpy.divmod(x + 0.5, 2.0)] + list(numpy.split(x, 1)),
    "order": lambda x: (numpy.sort(x, axis=0), x.argsort(1), x.argmax(0)),
}  # fmt: skip


def into(x):
    """Change arrays in place, through views, and numbers, which are not changed in place."""
    y, before = x.copy(), x.sum()
    after = before
    after += 1.0
    y[0] = 2.0
    view = y.T
    view *= 0.5
    y **= 2
    numpy.add(y, x, out=y)
    y[:, 0] -= y[0, 0]
    return before, after, y, x


@pytest.mark.parametrize("name", OF_ONE)
@settings(max_examples=25)
@given(
    dtype=st.sampled_from(DTYPES),
    order=st.sampled_from(["C", "F", "reversed", "strided"]),
    data=st.lists(st.lists(st.sampled_from(SPECIAL), min_size=36, max_size=36), min_size=3, max_size=3),
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_every_call_of_numpy_that_is_written_otherwise_has_the_same_bits(name, dtype, order, data):
    f = OF_ONE[name]

    def laid_out(numbers):
        with numpy.errstate(all="ignore"):
            x = numpy.resize(numpy.array(numbers).astype(dtype), (9, 12))
        if order == "strided":
            return numpy.repeat(x, 2, axis=0)[::2]
        return x[::-1, ::-1] if order == "reversed" else numpy.asarray(x, order=order)

    args = [(laid_out(numbers),) for numbers in (data[0], *data)]
    with numpy.errstate(all="ignore"):
        try:
            f(args[0][0])
        except (TypeError, ValueError, OverflowError):
            return  # NumPy itself does not do it with this type
        assert_replays(f, *args)


UFUNCS = {name for name, f in vars(numpy).items() if isinstance(f, numpy.ufunc) and f.nout == 1 and f.signature is None}


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_a_ufunc_may_write_over_its_operand(name):
    ufunc, rng = getattr(numpy, name), numpy.random.default_rng(0)
    for dtype in ("float64", "float32", "int64", "bool"):
        x = (2.0 * rng.standard_normal((7, 33))).astype(dtype)
        args = (x,) * ufunc.nin
        with numpy.errstate(all="ignore"):
            try:
                ufunc(*args)
            except (TypeError, ValueError):
                continue

            def step(x):
                first = x.copy()
                return ufunc(first, *(x,) * (ufunc.nin - 1)).copy()

            assert_replays(step, (x,), (x,), (x[::-1].copy(),))


def test_operands_are_written_over_only_where_nobody_needs_them_again():
    def step(x):
        y = x * 2.0
        z = numpy.exp(y)  # y is needed again
        w = z + z[::-1]  # z is read twice, in another order
        v = y * w
        row = v[:, :1] * 1.0
        return v * row + v.T.T, z

    draw = normal(4, 4, dtype="float64")
    fast = assert_replays(step, *(draw(numpy.random.default_rng(i)) for i in range(4)))
    assert program_of(fast).size < 5 * 128


@pytest.mark.parametrize("name", sorted(WITHOUT_SECOND | WITHOUT_FIRST))
def test_a_derivative_that_looks_at_singular_values_is_refused(name):
    second = mg.compile(lambda x: mg.hvp(lambda x: np.sum(TABLE[name](x) ** 2), x, x))
    with pytest.raises(mg.CompileError, match="reads a value, by if"):
        second(numpy.diag([3.0, 1.0]))


@given(program=programs(), dtype=st.sampled_from(["float64", "float32"]), data=st.data())
def test_random_programs_replay_with_their_gradients(program, dtype, data):
    def step(x, y):
        return mg.value_and_grad(lambda x, y: np.sum(run(program, x, y)), (0, 1))(x, y)

    points = ms.arrays((2, 3), -1.5, 1.5).map(lambda x: x.astype(dtype))
    assert_replays(step, *[(data.draw(points), data.draw(points)) for _ in range(5)])


def test_a_long_program_replays():
    names = sorted(STEPS) * 40
    x, y = numpy.full((2, 3), 0.25), numpy.full((2, 3), -0.5)

    def step(x, y):
        return mg.value_and_grad(lambda x, y: np.sum(run([(name, 1, 2) for name in names], x, y)), (0, 1))(x, y)

    assert assert_replays(step, (x, y), (x, y), (y, x)).source.count("\n") > 5_000


def program_of(fast):
    (way,) = fast._ways.values()
    (program,) = way.programs
    return program


def test_memory_that_is_free_again_is_used_again():
    def step(x):
        for _ in range(100):
            x = np.cumsum(np.tanh(x)) / 1000.0
        return x

    x = numpy.linspace(0.0, 1.0, 1000)
    fast = assert_replays(step, (x,), (x,), (-x,))
    assert program_of(fast).size <= 2 * x.nbytes


# Training


def state(x):
    """Give all that a step may change in a module, a Tensor, an optimizer or a generator."""
    if isinstance(x, nn.Module):
        return [state(tensor) for tensor in (*x.parameters(), *x.buffers())]
    if isinstance(x, mg.Tensor):
        return bits(x), x.grad is not None and bits(x.grad)
    return bits({**x.state_dict(), "settings": None}) if isinstance(x, optim.Optimizer) else repr(x.bit_generator.state)


def assert_trains(make, draw, calls=6, recorded=2):
    """Assert that two copies of the same start, one plain and one compiled, go the same way, bit for bit.

    ``make(rng)`` gives the step and all that it changes; ``draw(rng)`` gives the arguments of a call.
    """
    (plain, *expected), (step, *given) = make(numpy.random.default_rng(0)), make(numpy.random.default_rng(0))
    fast, rng = mg.compile(step), numpy.random.default_rng(1)
    for _ in range(calls):
        args = draw(rng)
        assert bits(fast(*args)) == bits(plain(*args))
        assert [state(x) for x in given] == [state(x) for x in expected]
    assert fast.replays == calls - recorded
    return fast


def normal(*shape, dtype="float32"):
    return lambda rng: (rng.standard_normal(shape).astype(dtype),)


LAYERS = {
    "linear": (lambda rng: nn.Sequential(nn.Linear(4, 3, rng=rng), nn.Tanh(), nn.Linear(3, 2, rng=rng)), normal(5, 4)),
    "float64": (lambda rng: nn.Linear(4, 3, rng=rng, dtype="float64"), normal(5, 4, dtype="float64")),
    "activations": (
        lambda rng: nn.Sequential(
            nn.Linear(4, 8, rng=rng), nn.ELU(), nn.GELU(), nn.LeakyReLU(), nn.ReLU(), nn.Sigmoid(), nn.Softplus()
        ),
        normal(5, 4),
    ),
    "norms": (lambda rng: nn.Sequential(nn.Linear(4, 6, rng=rng), nn.BatchNorm1d(6), nn.LayerNorm(6)), normal(5, 4)),
    "all batches": (lambda rng: nn.BatchNorm1d(4, momentum=None), normal(5, 4)),
    "dropout": (lambda rng: nn.Sequential(nn.Linear(4, 6, rng=rng), nn.Dropout(0.5, rng=rng)), normal(5, 4)),
    "spectral": (lambda rng: nn.SpectralNorm(nn.Linear(4, 3, rng=rng), rng=rng), normal(5, 4)),
    "exact": (lambda rng: nn.SpectralNorm(nn.Conv2d(1, 2, 3, rng=rng), exact=True, image=5), normal(2, 1, 5, 5)),
    "reversal": (lambda rng: nn.Sequential(nn.Linear(4, 3, rng=rng), nn.GradientReversal(0.5)), normal(5, 4)),
    "embedding": (lambda rng: nn.Embedding(7, 3, rng=rng), lambda rng: (rng.integers(0, 7, (2, 5)),)),
    "rnn": (lambda rng: nn.RNN(2, 3, rng=rng), normal(4, 5, 2)),
    "lstm": (lambda rng: nn.LSTM(2, 3, num_layers=2, bidirectional=True, rng=rng), normal(4, 5, 2)),
    "gru": (lambda rng: nn.GRU(2, 3, rng=rng), normal(4, 5, 2)),
    "images": (
        lambda rng: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, bias=False, rng=rng), nn.BatchNorm2d(4), nn.MaxPool2d(2, padding=1)
        ),
        normal(2, 2, 6, 6),
    ),
    "larger images": (
        lambda rng: nn.Sequential(
            nn.Conv2d(2, 4, 3, groups=2, rng=rng),
            nn.AvgPool2d(2),
            nn.Upsample(scale_factor=1.5, mode="bilinear"),
            nn.Upsample(scale_factor=2),
            nn.ConvTranspose2d(4, 1, 3, stride=2, rng=rng),
            nn.Flatten(),
        ),
        normal(2, 2, 6, 6),
    ),
}


def loss_of(out):
    return np.mean(np.square(out[0] if isinstance(out, tuple) else out))


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_trains_alike(name):
    layers, draw = LAYERS[name]

    def make(rng):
        model = layers(rng)
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            loss = loss_of(model(x))
            loss.backward()
            optimizer.step()
            return loss

        return step, model, optimizer, rng

    assert_trains(make, draw)


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, optim.Warmup(3, optim.Cosine(0.1, 9)), momentum=0.9, weight_decay=0.01),
    "maximize": lambda p: optim.SGD(p, 0.1, maximize=True, project=lambda w: prox.project_box(w, -0.2, 0.2)),
    "Adagrad": lambda p: optim.Adagrad(p, 0.1),
    "RMSprop": lambda p: optim.RMSprop(p, optim.Step(0.1, 2, 0.5)),
    "Adam": lambda p: optim.Adam(p, optim.Harmonic(0.1, 2.0), amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, 0.1, project=lambda w: prox.project_l2(w, 0.5)),
}


@pytest.mark.parametrize(
    "clip", [None, lambda p: optim.clip_grad_norm(p, 0.1), lambda p: optim.clip_grad_value(p, 0.01)]
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_moves_alike(name, clip):
    def make(rng):
        model = nn.Linear(4, 3, rng=rng)
        optimizer = OPTIMIZERS[name](model.parameters())

        def step(x, labels):
            model.zero_grad()
            loss = nn.cross_entropy(model(x), labels)
            loss.backward()
            norm = clip(optimizer.params) if clip else None
            optimizer.step()
            return {"loss": loss, "norm": norm}

        return step, model, optimizer

    assert_trains(make, lambda rng: (*normal(5, 4)(rng), rng.integers(0, 3, 5)))


def test_a_gan_iteration_with_two_optimizers_and_dropout_trains_alike():
    def make(rng):
        generator = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.ReLU(), nn.Linear(8, 2, rng=rng))
        critic = nn.Sequential(
            nn.Linear(2, 8, rng=rng), nn.LeakyReLU(), nn.Dropout(0.2, rng=rng), nn.Linear(8, 1, rng=rng)
        )
        of_generator, of_critic = optim.Adam(generator.parameters()), optim.RMSprop(critic.parameters(), 1e-3)

        def step(real, noise):
            of_critic.zero_grad()
            nn.gan_discriminator_loss(critic(real), critic(generator(noise).detach())).backward()
            of_critic.step()
            of_generator.zero_grad()
            loss = nn.nonsaturating_generator_loss(critic(generator(noise)))
            loss.backward()
            of_generator.step()
            return loss.detach()

        return step, generator, critic, of_generator, of_critic, rng

    # at the first draw of dropout the generator has no gradient yet, and later that of the last iteration
    assert_trains(make, lambda rng: (*normal(6, 2)(rng), *normal(6, 2)(rng)), recorded=3)


def test_a_critic_step_with_a_gradient_penalty_trains_alike():
    def make(rng):
        critic = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Tanh(), nn.Linear(8, 1, rng=rng))
        optimizer = optim.Adam(critic.parameters(), 0.01, betas=(0.0, 0.9))

        def step(real, fake, share):
            optimizer.zero_grad()
            between = share * real + (1.0 - share) * fake
            slopes = mg.grad(lambda x: np.sum(critic(x)))(between)
            penalty = np.mean(np.square(np.linalg.norm(slopes, axis=1) - 1.0))
            loss = nn.wasserstein_critic_loss(critic(real), critic(fake)) + 10.0 * penalty
            loss.backward()
            optimizer.step()
            return {"loss": loss, "penalty": penalty}

        return step, critic, optimizer

    def draw(rng):
        return *normal(6, 2)(rng), *normal(6, 2)(rng), rng.random((6, 1)).astype("float32")

    assert_trains(make, draw)


def test_projected_ascent_and_second_order_products_inside_a_step_replay():
    weight = numpy.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    model = nn.Linear(4, 3, rng=numpy.random.default_rng(0))

    def step(x, v):
        with mg.no_grad():
            still = model(x)
        moved = x
        for _ in range(3):
            slope = mg.grad(lambda x: np.sum(np.tanh(model(x)) * still))(moved)
            moved = prox.project_linf(moved + 0.1 * np.sign(slope) - x, 0.2) + x
        out, lin = mg.linearize(lambda x: np.tanh(x @ weight.T), moved)
        return moved, out, lin.push(v), lin.pull(out), mg.hvp(lambda x: np.sum(np.exp(model(x))), x, v)

    draw, rng = normal(2, 4), numpy.random.default_rng(1)
    assert_replays(step, *[(*draw(rng), *draw(rng)) for _ in range(5)])


def test_a_compiled_step_inside_of_another_is_a_part_of_it():
    inner = mg.compile(lambda x: np.exp(x) * 2.0)
    assert_replays(lambda x: inner(x) + inner(2.0 * x), *[(numpy.full(2, i / 4),) for i in range(5)])
    assert inner.replays > 0, "the plain step calls it by itself"


def test_fit_takes_a_compiled_step():
    def make(rng):
        model, x = nn.Linear(4, 3, rng=rng), normal(5, 4)(rng)[0]
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step():
            optimizer.zero_grad()
            loss = loss_of(model(x))
            loss.backward()
            optimizer.step()
            return {"loss": loss}

        return step, {"model": model, "optimizer": optimizer}

    (plain, state_of_plain), (step, state_of_fast) = (
        make(numpy.random.default_rng(0)),
        make(numpy.random.default_rng(0)),
    )
    fast = mg.compile(step)
    given, expected = (
        mg.fit(lambda j, f=f: f(), 8, state=s, every=3)["loss"]
        for f, s in ((fast, state_of_fast), (plain, state_of_plain))
    )
    assert bits(given) == bits(expected)
    assert fast.replays == 6


def test_the_search_for_a_nan_runs_the_step_itself():
    fast = mg.compile(lambda x: np.log(mg.tensor(x) - 1.0))
    for _ in range(3):
        fast(numpy.array([2.0]))
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match=r"log, called at .*test_compile"):
        fast(numpy.array([0.5]))
    assert fast.replays == 1


# What may change between the calls, and what may not


def test_contents_of_arrays_parameters_and_buffers_may_change():
    model, table = nn.BatchNorm1d(2), numpy.arange(4.0).reshape(2, 2)
    view, other = table[:, 0], numpy.ones(2)
    saved = {name: x + 0.5 for name, x in model.state_dict().items() if name != "num_batches_tracked"}

    def step():
        with nn.frozen_statistics():
            return (
                model(table),
                np.sum(np.multiply(table, view), axis=0),
                np.matmul(table.T, other),
                model.running_mean.data * 2.0,
            )

    fast = mg.compile(step)
    changes = [
        lambda: None,
        lambda: None,
        lambda: table.__setitem__(0, 9.0),
        lambda: model.load_state_dict(saved, strict=False),
        lambda: model.weight.data.fill(3.0),
        lambda: view.fill(-1.0),
        lambda: other.fill(2.0),
    ]
    for change in changes:
        change()
        assert bits(fast()) == bits(step())
    assert fast.replays == len(changes) - 2


class Settings:
    """An object with an attribute, one in a slot, one of its class, and a list."""

    __slots__ = ("__dict__", "slot")
    shared = 1.0

    def __init__(self):
        self.scale, self.slot, self.listed, self.unused = 1.0, 1.0, [1.0], 0


GLOBAL = 1.0
MODULE = type(pytest)("a_module_of_the_users")
MODULE.rate = 1.0


def test_a_step_is_recorded_anew_when_what_it_refers_to_has_another_value():
    settings, named, layer, tensor = (
        Settings(),
        {"a": 1.0},
        nn.Dropout(0.5, rng=numpy.random.default_rng(0)),
        mg.tensor(1.0),
    )
    closed, table = 1.0, [numpy.ones(2)]
    default = {"scale": 1.0}

    def helper(x, *, default=default):
        return x * default["scale"] * MODULE.rate

    def step(x):
        y = helper(x) * closed * GLOBAL * settings.scale * settings.slot * settings.shared * settings.listed[-1]
        y = y * named["a"] * tensor * table[0]
        return layer(y) if layer.training else y

    def set_closed():
        nonlocal closed
        closed = 2.0

    fast = mg.compile(step)
    layer.eval()
    x = numpy.ones(2)
    for change in (
        set_closed,
        lambda: globals().update(GLOBAL=GLOBAL + 1.0),
        lambda: setattr(MODULE, "rate", 3.0),
        lambda: setattr(settings, "scale", 5.0),
        lambda: setattr(settings, "slot", 7.0),
        lambda: setattr(Settings, "shared", Settings.shared + 1.0),
        lambda: settings.listed.append(9.0),
        lambda: named.update(a=11.0),
        lambda: default.update(scale=13.0),
        lambda: setattr(tensor, "data", numpy.array(15.0)),
        lambda: table.__setitem__(0, numpy.full(2, 17.0)),
    ):
        for _ in range(3):
            assert bits(fast(x)) == bits(step(x))
        before = fast.replays
        fast(x)
        assert fast.replays == before + 1
        change()
        assert bits(fast(x)) == bits(step(x))
        assert fast.replays == before + 1, "it was recorded anew"
        settings.unused += 1
    layer.train()
    assert 0.0 in [fast(x).data[0] for _ in range(8)]


def test_requires_grad_and_evaluation_are_seen():
    model = nn.Sequential(nn.Linear(2, 2, rng=numpy.random.default_rng(0)), nn.BatchNorm1d(2))
    x = numpy.random.default_rng(0).standard_normal((4, 2)).astype("float32")

    def step():
        model.zero_grad()
        loss = loss_of(model(x))
        loss.backward()
        return loss

    fast = mg.compile(step)
    for change in (model.eval, lambda: setattr(model[0].weight, "requires_grad", False), model.train):
        for _ in range(4):
            fast()
        change()
        start = model.state_dict()
        given = bits(fast()), state(model)
        model.load_state_dict(start)
        assert given == (bits(step()), state(model))
    assert model[0].weight.grad is None


def test_gradients_add_up_as_without():
    def make(rng):
        x = mg.tensor(rng.standard_normal(3), requires_grad=True)

        def step(w):
            np.sum(x * x * w).backward()

        return step, x

    (plain, expected), (step, given) = make(numpy.random.default_rng(0)), make(numpy.random.default_rng(0))
    fast = mg.compile(step)
    for i in range(24):
        if i % 4 == 0:
            given.grad = expected.grad = None
        w = numpy.full(3, float(i))
        fast(w)
        plain(w)
        assert state(given) == state(expected)
    assert fast.replays >= 12


def test_arguments_of_other_forms_are_recorded_anew():
    step = mg.compile(lambda x, y=1.0: mg.grad(lambda x: np.sum(np.exp(x) * y))(x))
    plain, x = step.step, numpy.linspace(0.0, 1.0, 6)
    for args, kwargs in (
        ((x,), {}),
        ((x.astype("float32"),), {}),
        ((x.reshape(2, 3),), {}),
        ((numpy.asfortranarray(x.reshape(2, 3)),), {}),
        ((x[::2],), {}),
        ((x[::-1],), {}),
        ((x, 2.0), {}),
        ((x, 2), {}),
        ((x,), {"y": 3.0}),
        ((x, numpy.float32(2.0)), {}),
        ((x, numpy.ones(6)), {}),
        ((mg.Tensor(x),), {}),
        ((numpy.empty(0),), {}),
    ):
        for _ in range(4):
            assert bits(step(*args, **kwargs)) == bits(plain(*args, **kwargs))
    assert step.replays == 2 * 13


def test_containers_are_told_apart():
    def step(*args, **kwargs):
        return {"args": args, "kwargs": {name: x * 2.0 for name, x in kwargs.items()}}

    fast, x, y = mg.compile(step), numpy.ones(2), numpy.zeros(2)
    for _ in range(4):
        for args, kwargs in (
            ((x, y), {}),
            (((x, y),), {}),
            (([x], y), {}),
            ((), {"a": x}),
            ((), {"b": x}),
            ((x, {}), {}),
        ):
            assert bits(fast(*args, **kwargs)) == bits(step(*args, **kwargs))
    assert fast.replays == 2 * 6


def test_too_many_ways_to_call_a_step_are_refused():
    fast = mg.compile(lambda x, slope: x * slope)
    for i in range(16):
        fast(numpy.ones(1), float(i))
    with pytest.raises(mg.CompileError, match="called in 16 different ways"):
        fast(numpy.ones(1), 16.0)


# Errors, and what is refused


def labelled(rng):
    model, labels = nn.Linear(2, 3, rng=rng), numpy.array([0, 1, 2, 0])
    x, optimizer = normal(4, 2)(rng)[0], optim.Adam(model.parameters())

    def step():
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step, labels, model, optimizer


def test_bad_labels_raise_the_same_error_in_a_replay_and_leave_the_same_state():
    (plain, labels_of_plain, *expected), (step, labels, *given) = (labelled(numpy.random.default_rng(0)) for _ in "ab")
    fast = mg.compile(step)
    for label in (1, 1, 1, 1, 7, 2, -1, 0):
        labels[1] = labels_of_plain[1] = label
        if 0 <= label <= 2:
            assert bits(fast()) == bits(plain())
        else:
            with pytest.raises(ValueError, match="labels go from 0 to 2") as error:
                plain()
            with pytest.raises(ValueError, match="labels go from 0 to 2") as error_of_fast:
                fast()
            assert str(error_of_fast.value) == str(error.value)
        assert [state(x) for x in given] == [state(x) for x in expected]
    assert fast.replays == 6


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("call", [1, 2, 4])
def test_after_an_exception_everything_is_plain_again_and_the_step_goes_on(kind, call):
    model = nn.Sequential(nn.Linear(3, 2, rng=numpy.random.default_rng(0)), nn.BatchNorm1d(2))
    x, failing = normal(4, 3)(numpy.random.default_rng(0))[0], []

    def project(w):
        if failing:
            raise kind
        return w

    optimizer = optim.SGD(model.parameters(), 0.1, project=project)

    def step():
        optimizer.zero_grad()
        loss = loss_of(model(x))
        loss.backward()
        optimizer.step()
        return loss

    fast = mg.compile(step)
    for i in range(1, 8):
        failing[:] = [True] if i == call else []
        if failing:
            with pytest.raises(kind):
                fast()
        else:
            start = model.state_dict()
            given = bits(fast()), state(model)
            model.load_state_dict(start)
            assert given == (bits(step()), state(model))
        tensors = [*model.parameters(), *model.buffers()]
        assert {type(t.data) for t in tensors} == {numpy.ndarray}
        assert {type(t.grad.data) for t in model.parameters()} == {numpy.ndarray}
    assert fast.replays == 7 - 2 - (call <= 2)


def test_an_exception_in_the_middle_of_a_recording_leaves_plain_arrays():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = mg.tensor([5.0, 5.0])

    def step(fail):
        x.grad = None
        np.sum(x * x).backward()
        if fail:
            raise KeyError("here")
        return x.grad

    fast = mg.compile(step)
    with pytest.raises(KeyError):
        fast(True)
    assert (bits(x), bits(x.grad)) == (bits(mg.tensor([1.0, 2.0])), bits(mg.tensor([2.0, 4.0])))
    assert [fast(False).tolist() for _ in range(4)] == [[2.0, 4.0]] * 4


class Counter:
    """An object that a step counts in."""

    count = 0


def refusals():
    weight, rng = mg.tensor(numpy.ones(3), requires_grad=True), numpy.random.default_rng(0)
    counter, listed, table, kept, number = Counter(), [], numpy.ones(3), {}, 0
    history = mg.History()

    def count(x):
        nonlocal number
        number += 1
        return x

    def rebind(x):
        weight.data = weight.data - x
        return x

    def forget(x):
        weight.grad = None
        (weight * x).sum().backward()
        (weight.grad * x).sum().item()

    return {
        "item": (lambda x: np.sum(x * weight).item(), "item"),
        "float": (lambda x: float(np.sum(x * weight)), "float"),
        "if": (lambda x: x if x[0] > 0 else -x, "if"),
        "assert": (lambda x: x if np.sum(x) else -x, "if"),
        "max": (lambda x: max(x[0], x[1]), "if"),
        "index": (lambda x: [1, 2, 3][np.argmax(x)], "index"),
        "round": (lambda x: round(x[0]), "round"),
        "math": (lambda x: __import__("math").sin(x[0]), "float"),
        "print": (lambda x: f"{x[0]:.3f}", "printing"),
        "numpy()": (lambda x: (x * weight).numpy(), "plain NumPy array"),
        "asarray": (lambda x: numpy.array([x, x]), "plain NumPy array"),
        "tolist": (lambda x: x.tolist(), "tolist"),
        "view": (lambda x: x.view("int64"), "view"),
        "equal": (lambda x: numpy.array_equal(x, x), "gives a bool"),
        "nonzero": (lambda x: np.nonzero(x), "shape of the result"),
        "unique": (lambda x: np.unique(x), "shape of the result"),
        "mask": (lambda x: x[x > 0.0], "shape of the result"),
        "places": (lambda x: np.where(x > 0.0), "shape of the result"),
        "repeat": (lambda x: numpy.repeat(x, np.argsort(x)), "shape of the result"),
        "plain NumPy": (lambda x: x * (table * 2.0), "made inside of the step by plain NumPy"),
        "a draw": (lambda x: x * rng.random(3), "made inside of the step by plain NumPy"),
        "a drawn number": (lambda x: x if rng.random() < 2.0 else -x, "draws from a random generator"),
        "NumPy's generator": (lambda x: x + np.random.random(3), "draws random numbers"),
        "a new generator": (lambda x: x + np.random.default_rng(0).random(3), "default_rng, which gives a Generator"),
        "a change": (lambda x: table.__iadd__(1.0) * x, "by plain NumPy"),
        "a change alone": (lambda x: (table.__setitem__(0, table[0] + 1.0), x)[1], "changes an array of float64"),
        "writing": (lambda x: np.multiply(x, 2.0, out=table), "writes into an array"),
        "writing by place": (lambda x: numpy.multiply(x, 2.0, table), "writes into an array"),
        "adding to": (lambda x: numpy.ndarray.__iadd__(table, x), "writes into an array"),
        "an unknown writer": (lambda x: numpy.put(+x, 0, 5.0), "changes an array"),
        "rebinding": (rebind, "another array"),
        "counting": (count, "the step changes number"),
        "an attribute": (lambda x: (setattr(counter, "count", counter.count + 1), x)[1], "the step changes"),
        "a list": (lambda x: (listed.append(0), x)[1], "the step changes how many parts a list has"),
        "keeping": (lambda x: (kept.update(x=x * 2.0), x)[1], "keeps an array"),
        "history": (lambda x: (history.record(len(history.steps) + 1, loss=1.0), x)[1], "the step changes"),
        "reading after": (forget, "item"),
        "a set": (lambda x: {1}, "returns a set"),
        "saving": (lambda x: numpy.save("a file", x), "save, which gives nothing"),
    }


@pytest.mark.parametrize("name", refusals())
def test_what_a_replay_could_not_do_is_refused(name):
    step, message = refusals()[name]
    fast, x = mg.compile(step), numpy.array([3.0, 1.0, 2.0])

    def four_calls():
        for _ in range(4):
            fast(x)

    with pytest.raises(mg.CompileError, match=message):
        four_calls()
    assert fast.replays == 0


def test_arguments_that_are_no_arrays_are_refused():
    fast, w = mg.compile(lambda x: x), mg.tensor(1.0, requires_grad=True)
    with pytest.raises(mg.CompileError, match="under differentiation is an argument"):
        fast(w)
    for x in (object(), {1, 2}, numpy.ma.ones(3), numpy.array(["a", None]), numpy.zeros(2, "f8,i4")):
        with pytest.raises(mg.CompileError, match="a compiled step takes"):
            fast(x)
    with pytest.raises(TypeError, match="compile takes a function; got a int"):
        mg.compile(3)


def test_derivatives_through_a_compiled_step_are_refused():
    held = {}
    fast = mg.compile(lambda: np.sum(held["x"] ** 2))

    def f(x):
        held["x"] = x
        return fast()

    with pytest.raises(mg.CompileError, match="no derivative flows through a compiled step"):
        mg.grad(f)(numpy.ones(2))
    held["x"] = mg.tensor([1.0], requires_grad=True) * 2.0
    with pytest.raises(mg.CompileError, match="no derivative flows through a compiled step"):
        fast()


def test_another_backend_is_refused_also_when_there_is_a_program():
    fast = mg.compile(lambda x: x * 2.0)
    for _ in range(3):
        fast(numpy.ones(1))
    with mg.use("fake"), pytest.raises(mg.CompileError, match="the active backend is 'fake'"):
        fast(numpy.ones(1))


def test_an_array_that_leaves_a_recording_by_another_way_is_refused_later():
    kept = []

    def step(x):
        kept.append(x * 2.0)
        raise KeyError

    with pytest.raises(KeyError):
        mg.compile(step)(numpy.ones(1))
    with pytest.raises(mg.CompileError, match="used outside of it"):
        kept[0] + 1.0
    with pytest.raises(mg.CompileError, match="used outside of it"):
        float(kept[0][0])


# Warnings


def test_a_replay_warns_where_the_step_warns():
    def step(x):
        with numpy.errstate(divide="ignore"):
            quiet = np.log(x)
        with numpy.errstate(all="ignore"):
            quiet = quiet + np.sqrt(x - 1.0)
        return quiet, np.exp(x * 1000.0), np.full(2, 0.0) / np.full(2, 0.0)

    fast = mg.compile(step)
    for x in (0.0, 0.5, 0.0, 0.5, 1.0, 0.0):
        with warnings.catch_warnings(record=True) as expected:
            warnings.simplefilter("always")
            step(numpy.array([x]))
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            fast(numpy.array([x]))
        assert [str(w.message) for w in given] == [str(w.message) for w in expected]
    with numpy.errstate(all="raise"):
        for _ in range(3):
            with pytest.raises(FloatingPointError):
                fast(numpy.array([0.5]))
    assert fast.replays == 4


# Threads


def test_one_compiled_step_in_several_threads_gives_each_its_own_numbers():
    fast, wrong = mg.compile(lambda x: np.cumsum(np.tanh(x) * 2.0)), []

    def work(i):
        x = numpy.full(1000, float(i))
        expected = fast.step(x).tobytes()
        wrong.extend(j for j in range(50) if fast(x).tobytes() != expected)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert fast.replays == 198


def test_a_step_that_calls_itself_runs_as_it_is():
    fast = mg.compile(lambda x, n: x if n == 0 else fast(x, n - 1) * 2.0)
    assert [fast(numpy.ones(1), 3).tolist() for _ in range(4)] == [[8.0]] * 4


def test_another_thread_cannot_use_the_tensors_of_a_step_that_is_being_recorded():
    x, errors = mg.tensor([1.0]), []

    def elsewhere():
        try:
            x.data + 1.0
        except mg.CompileError as error:
            errors.append(str(error))

    def step():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return x * 2.0

    fast = mg.compile(step)
    assert [fast().tolist() for _ in range(3)] == [[2.0]] * 3
    assert errors
    assert "Other threads must wait" in errors[0]


ONCE_REFUSED = {
    "shifts": lambda x: ((x > 0).astype(int) << 3) >> 1,
    "two truths": lambda x: (x.max() > 0) & (x.min() < 0),
    "a maximum with a number": lambda x: numpy.maximum(x, 0.0) * 2.0,
    "einsum of reversed axes": lambda x: numpy.einsum("ij,kj->ik", x[::-1, ::-1], x[::-1, ::-1]) + 0.0,
}


@pytest.mark.parametrize("name", ONCE_REFUSED)
def test_what_once_was_refused_or_had_other_bits(name):
    assert_replays(ONCE_REFUSED[name], *[(numpy.random.default_rng(i).standard_normal((12, 7)),) for i in range(4)])
