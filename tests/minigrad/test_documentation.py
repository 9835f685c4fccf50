"""The house rule: every public name has a docstring and, unless it is one of the exceptions, a runnable example."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import minigrad
import minigrad.numpy
from minigrad.numpy import constants
from minigrad.tape import Primitive

ALONE = ["lectures.attacks", "minigrad"]  # of these packages, what they export; of those below, every public name
WHOLE = """
    minigrad.backend minigrad.checkpoint minigrad.checks minigrad.containers minigrad.data minigrad.history minigrad.nn
    minigrad.numpy minigrad.optim minigrad.prox minigrad.sweeping minigrad.testing minigrad.training minigrad.transforms
""".split()


def with_submodules(name):
    """Give a module, and those inside it if it is a package."""
    module = importlib.import_module(name)
    inside = pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}.")
    return [module, *(importlib.import_module(found.name) for found in inside)]


MODULES = [importlib.import_module(name) for name in ALONE]
MODULES += [module for name in WHOLE for module in with_submodules(name)]


def is_documentable(value):
    return inspect.isclass(value) or inspect.isroutine(value)


def public_names(module):
    """List what a module offers: the names in its ``__all__``, and all that is defined in it."""
    exported = getattr(module, "__all__", ())
    for name, value in vars(module).items():
        own = is_documentable(value) and value.__module__ == module.__name__ and not name.startswith("_")
        if own or (name in exported and is_documentable(value)):
            yield value


def name_of(value):
    return f"{value.__module__}.{value.__qualname__.rpartition('<locals>.')[2]}"  # Hypothesis makes strategies inside


def public_members(kind):
    """List the methods and properties that a class adds, with their names."""
    for name, value in vars(kind).items():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if not name.startswith("_") and (inspect.isfunction(function) or isinstance(function, property)):
            yield name, function


DOCUMENTED = {name_of(value): value for module in MODULES for value in public_names(module)}
for _kind in [value for value in DOCUMENTED.values() if inspect.isclass(value)]:
    DOCUMENTED |= {f"{name_of(_kind)}.{name}": value for name, value in public_members(_kind)}

GENERATED = list(constants.FUNCTIONS.values())


def needs_example(name):
    value = DOCUMENTED[name]
    exception = inspect.isclass(value) and issubclass(value, Exception)
    generated = any(value is function for function in GENERATED)
    return not (exception or generated or isinstance(value, property) or name.endswith(".forward"))


def sentence(docstring):
    return " ".join(inspect.cleandoc(docstring).partition("\n\n")[0].split())


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_every_public_name_has_a_docstring_that_begins_with_one_sentence(name):
    docstring = DOCUMENTED[name].__doc__
    assert docstring, f"{name} has no docstring"
    assert sentence(docstring).endswith("."), f"the first paragraph of {name} is no sentence"


@pytest.mark.parametrize("name", sorted(filter(needs_example, DOCUMENTED)))
def test_every_public_name_has_an_example(name):
    lines = [example.source for example in doctest.DocTestParser().get_examples(DOCUMENTED[name].__doc__)]
    assert [line for line in lines if not line.startswith(("import ", "from "))], f"{name} has no example"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_module_has_a_docstring(module):
    assert module.__doc__


def test_the_names_of_minigrad_exist():
    for name in minigrad.__all__:
        assert getattr(minigrad, name).__doc__


def test_every_example_is_run():
    finder = doctest.DocTestFinder()
    modules = {value.__module__ for value in DOCUMENTED.values() if not isinstance(value, property)}
    found = {test.name for name in modules for test in finder.find(importlib.import_module(name)) if test.examples}
    written = {
        name_of(value)
        for value in DOCUMENTED.values()
        if not isinstance(value, property) and ">>>" in (value.__doc__ or "")
    }
    assert written <= found


def test_every_primitive_in_the_namespace_says_what_it_is():
    primitives = [value for value in vars(minigrad.numpy).values() if isinstance(value, Primitive)]
    assert len(primitives) > 50
    assert all(value.__doc__ for value in primitives)


def test_every_function_without_a_derivative_says_so():
    for name, function in constants.FUNCTIONS.items():
        assert getattr(minigrad.numpy, name) is function
        assert name in function.__doc__


def test_the_list_is_not_empty_by_accident():
    assert {
        "minigrad.tensor.Tensor.backward",
        "minigrad.tensor.Tensor.sum",
        "minigrad.numpy.reductions.sum",
        "minigrad.numpy.linalg.norm",
        "minigrad.nn.linear.Linear.forward",
        "minigrad.optim.optimizer.Optimizer.step",
        "minigrad.data.digits.digits",
        "minigrad.prox.projections.project_l2",
        "minigrad.testing.strategies.networks",
        "minigrad.testing.assertions.for_all",
        "minigrad.transforms.Linearization.push",
        "minigrad.backend.Backend.own",
        "lectures.attacks.fgsm.fgsm",
    } <= DOCUMENTED.keys()
