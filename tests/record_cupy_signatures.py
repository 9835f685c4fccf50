"""Write down which names CuPy has and which arguments they take, into cupy_signatures.json.

Run it by hand where CuPy is installed (a GPU is not needed)::

    python tests/record_cupy_signatures.py

Only names that NumPy has too are recorded. Each is listed with its kind and its parameters in order. A parameter list
is written as in a signature: what follows ``*`` is given by keyword only, what precedes ``/`` by position only, and
``**kwargs`` takes any keyword.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from pathlib import Path
from typing import Any

import numpy

RECORD = Path(__file__).with_name("cupy_signatures.json")
MARKS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
UFUNC_METHODS = ("at", "accumulate", "outer", "reduce", "reduceat")


def parameters_of(signature: inspect.Signature) -> list[str]:
    """List the parameters of a signature, with the marks ``*`` and ``/``."""
    names: list[str] = []
    previous = None
    for p in signature.parameters.values():
        if previous is p.POSITIONAL_ONLY and p.kind is not p.POSITIONAL_ONLY:
            names.append("/")
        if p.kind is p.KEYWORD_ONLY and previous not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            names.append("*")
        names.append(MARKS.get(p.kind, "") + p.name)
        previous = p.kind
    return names


def parameters_in_docstring(function: Any) -> list[str] | None:
    """List the parameters that the first line of a docstring names; compiled functions have no other signature."""
    line = (function.__doc__ or "").strip().partition("\n")[0]
    call = re.search(r"\((.*)\)", re.sub(r"[\\\[\]]", "", line))
    if call is None:
        return None
    names = [part.partition("=")[0].split()[-1] for part in re.split(r",\s*", call.group(1)) if part]
    return [name for name in names if name != "self" and (name.isidentifier() or name[0] in "*/")]


def supports(ufunc: Any, method: str) -> bool:
    """Tell whether a ufunc has a method in more than name; CuPy's refuse before they look at their arguments."""
    arguments = {"at": (None, None, None), "outer": (None, None), "reduceat": (None, None)}.get(method, (None,))
    try:
        getattr(ufunc, method)(*arguments)
    except NotImplementedError:
        return False
    except (TypeError, AttributeError, ValueError):
        return True
    return True


def entry(value: Any, ufunc_type: type) -> dict[str, Any]:
    """Describe one name: its kind, and its parameters if it is called."""
    if isinstance(value, ufunc_type):
        methods = [method for method in UFUNC_METHODS if supports(value, method)]
        return {"kind": "ufunc", "parameters": parameters_in_docstring(value), "methods": methods}
    if isinstance(value, type):
        return {"kind": "class"}
    if isinstance(value, types.ModuleType):
        return {"kind": "module"}
    if callable(value):
        try:
            parameters = parameters_of(inspect.signature(value))
        except (TypeError, ValueError):
            parameters = parameters_in_docstring(value) or ["*args", "**kwargs"]
        return {"kind": "function", "parameters": parameters}
    return {"kind": "constant"}


def member(name: str, value: Any) -> dict[str, Any]:
    """Describe one attribute of the array class: a method with its parameters, or an attribute."""
    if not callable(value):
        return {"kind": "attribute"}
    if name.startswith("_"):
        return {"kind": "special"}
    return {"kind": "method", "parameters": parameters_in_docstring(value)}


def recorded() -> dict[str, Any]:
    """Describe CuPy's namespace, its linear algebra, its strided views and its array class."""
    import cupy

    def shared(module: Any, model: Any) -> list[str]:
        return sorted(name for name in dir(module) if not name.startswith("_") and hasattr(model, name))

    return {
        "versions": {"cupy": cupy.__version__, "numpy": numpy.__version__},
        "module": {name: entry(getattr(cupy, name), cupy.ufunc) for name in shared(cupy, numpy)},
        "linalg": {name: entry(getattr(cupy.linalg, name), cupy.ufunc) for name in shared(cupy.linalg, numpy.linalg)},
        "lib.stride_tricks": {"as_strided": entry(cupy.lib.stride_tricks.as_strided, cupy.ufunc)},
        "ndarray": {
            name: member(name, getattr(cupy.ndarray, name))
            for name in dir(cupy.ndarray)
            if name in dir(numpy.ndarray) or not name.startswith("_")
        },
    }


def one_line_each(record: dict[str, dict[str, Any]]) -> str:
    """Write the record as JSON with one name per line, so that a change of version shows as a short difference."""
    sections = []
    for section, names in record.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in names.items())
        sections.append(f"{json.dumps(section)}: {{\n{lines}\n}}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


if __name__ == "__main__":
    RECORD.write_text(one_line_each(recorded()), encoding="utf-8")
