"""The command ``minigrad``: runs the lectures, prints the ledger, and looks at the installation.

The lectures are imported by name and only when they are needed, because minigrad/ must not depend on lectures/.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import io
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import numpy

import minigrad
from minigrad import backend

DISTRIBUTION = "minigrad-lectures"
DEFAULT_OUT = "minigrad-tour"

# The optional packages of pyproject.toml; a test compares the two.
EXTRAS = {
    "test": ("pytest", "hypothesis", "pytest-xdist", "scipy", "autograd", "distributed"),
    "dev": ("ruff", "mypy", "types-tqdm"),
    "bench": ("autograd", "scipy", "mygrad", "jax", "torch"),
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class UserError(Exception):
    """Something the user can put right; the command prints the message and exits with 2.

    Examples
    --------
    >>> print(UserError("there is no lecture 'atacks'"))
    there is no lecture 'atacks'
    """


def command() -> int:
    """Run the command from the shell, the lectures with one thread in NumPy's linear algebra.

    Their matrices are small, so a second thread gains nothing, and on a busy machine the threads wait for each other:
    a tour of 4 seconds took 40. The number of threads can only be set before NumPy is imported.
    """
    chosen = any(os.environ.get(name) for name in THREAD_VARIABLES)
    if os.name == "posix" and not chosen and {"tour", "lecture"} & set(sys.argv[1:]):
        one_each = dict.fromkeys(THREAD_VARIABLES, "1")
        os.execve(sys.executable, [sys.executable, "-m", "minigrad", *sys.argv[1:]], os.environ | one_each)
    return main()


def main(arguments: Sequence[str] | None = None, package: str = "lectures") -> int:
    """Run the command and return its exit code: 0, or 1 after a bug, 2 after a wrong request, 130 after Ctrl-C.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``minigrad``; those of the command line unless given.
    package : str
        Where the lectures are.

    Examples
    --------
    >>> main(["--version"])
    minigrad 0.1.0
    0
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Greek letters shows ? in their place
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse has printed its help or its complaint
        return int(stop.code or 0)
    try:
        code = int(options.run(options, package))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except (UserError, backend.BackendError) as error:
        print(f"minigrad: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minigrad: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough; Python must not complain again while it closes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


# The command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="minigrad", description="Lectures on a tiny engine for derivatives.")
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    parser.set_defaults(run=lambda options, package: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    tour = _command(commands, "tour", _tour, "run all lectures and write one page of them")
    run_options(tour)
    _backend_option(tour)
    _command(commands, "lectures", _lectures, "list the lectures")
    lecture = _command(commands, "lecture", _lecture, "run one lecture and write its page")
    lecture.add_argument("name", help="the lecture's name, see: minigrad lectures")
    run_options(lecture)
    _backend_option(lecture)
    ledger = _command(commands, "ledger", _ledger, "show which statements of the lectures are proven by tests")
    ledger.add_argument("--topic", help="only the statements of this topic")
    _command(commands, "doctor", _doctor, "look at Python, the packages, the threads and the backend")
    return parser


def _command(commands: Any, name: str, run: Callable[..., int], help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=f"{help.capitalize()}.")
    parser.set_defaults(run=run)
    return parser


def run_options(parser: argparse.ArgumentParser, out: str = DEFAULT_OUT) -> None:
    """Add the options of every run; a lecture that is run as a script has the same ones.

    Examples
    --------
    >>> parser = argparse.ArgumentParser()
    >>> run_options(parser)
    >>> parser.parse_args(["--seed", "7"])
    Namespace(budget='fast', seed=7, out='minigrad-tour')
    """
    parser.add_argument(
        "--budget", choices=("fast", "full"), default="fast", help="how much to compute (default: fast)"
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of every random number (default: 0)")
    parser.add_argument("--out", type=_folder, default=out, metavar="DIR", help="folder for the results (%(default)s)")


def _backend_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend", metavar="NAME", help=f"which array library computes: {' or '.join(backend.names())}"
    )


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"the seed must be zero or a positive integer, and is {text!r}")
    return int(text)


def _folder(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("give the name of a folder")
    return text


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


# The lectures


def _room(module: str) -> ModuleType:
    try:
        # By name, so that minigrad/ does not depend on lectures/.
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UserError(
            f"{module} is missing from this installation; pip install --force-reinstall {DISTRIBUTION}"
        ) from None


def _tour(options: argparse.Namespace, package: str) -> int:
    rooms = _room("lectures.telling.tour")
    return _visit(options, rooms, lambda: rooms.tour(options.out, options.budget, options.seed, package))


def _lecture(options: argparse.Namespace, package: str) -> int:
    rooms = _room("lectures.telling.tour")
    name = options.name
    return _visit(options, rooms, lambda: rooms.lecture(name, options.out, options.budget, options.seed, package))


def _visit(options: argparse.Namespace, rooms: ModuleType, journey: Callable[[], Any]) -> int:
    with _backend(options.backend):
        try:
            summary = journey()
        except (rooms.OutputError, rooms.UnknownLectureError) as error:
            raise UserError(str(error)) from None
    return _conclude(summary, rooms)


def _backend(name: str | None) -> AbstractContextManager[object]:
    if name is not None:
        return minigrad.use(name)
    backend.current()  # a wrong MINIGRAD_BACKEND is reported before anything is computed
    return nullcontext()


def _conclude(summary: Any, rooms: ModuleType) -> int:
    for report in summary.failed:
        print(f"\nThe lecture {report.name} stopped with an error:", file=sys.stderr)
        traceback.print_exception(report.error, file=sys.stderr)
    if summary.reports:
        print(rooms.account(summary))
    if summary.interrupted:
        finished = ", ".join(summary.finished) or "nothing"
        print(f"stopped; finished: {finished} in {summary.page.parent}", file=sys.stderr)
        return 130
    print(f"page: {summary.page}")
    return 1 if summary.failed else 0


def _lectures(options: argparse.Namespace, package: str) -> int:
    rooms = _room("lectures.telling.catalogue")
    print(rooms.table(rooms.catalogue(package)))
    return 0


def _ledger(options: argparse.Namespace, package: str) -> int:
    ledger = _room("lectures.ledger")
    try:
        table = ledger.main_table(options.topic)
    except ValueError as error:
        raise UserError(str(error)) from None
    print(table)
    return 0


# The doctor


def _doctor(options: argparse.Namespace, package: str) -> int:
    for title, facts in (
        ("Machine", _machine()),
        ("Packages", _packages()),
        ("Threads", _threads()),
        ("Backend", _backends()),
        ("Extras", _extras()),
    ):
        print(title)
        for name, value in facts:
            print(f"  {name:22} {value}")
    return 0


def _machine() -> Iterator[tuple[str, str]]:
    yield "minigrad", minigrad.__version__
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "platform", platform.platform()


def _packages() -> Iterator[tuple[str, str]]:
    for name in ("numpy", "matplotlib", "tqdm"):
        yield name, _version(name) or f"missing; pip install {name}"
    yield "BLAS", _blas()


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas() -> str:
    known: Any = numpy.show_config(mode="dicts")
    blas = known.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _threads() -> Iterator[tuple[str, str]]:
    yield "CPUs", str(os.cpu_count() or "unknown")
    for name in THREAD_VARIABLES:
        yield name, os.environ.get(name) or "not set: the library chooses"


def _backends() -> Iterator[tuple[str, str]]:
    yield "MINIGRAD_BACKEND", _chosen(os.environ.get("MINIGRAD_BACKEND"))
    try:
        yield "active", backend.current().name
    except backend.BackendError:
        yield "active", "none: set MINIGRAD_BACKEND to a backend that works, or unset it"
    yield "cupy", _usable("cupy")


def _chosen(name: str | None) -> str:
    return f"{name}: {_usable(name)}" if name else "not set: numpy"


def _usable(name: str) -> str:
    try:
        backend.load(name)
    except Exception as error:  # a broken CUDA installation fails in ways of its own
        return f"not usable: {error}"
    return "usable"


def _extras() -> Iterator[tuple[str, str]]:
    for extra, packages in EXTRAS.items():
        missing = [package for package in packages if _version(package) is None]
        hint = f"missing {', '.join(missing)}; pip install '{DISTRIBUTION}[{extra}]'"
        yield extra, hint if missing else "complete"
