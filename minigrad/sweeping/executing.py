"""Calling the function of a sweep, here or on an executor, so that no call can harm another."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import traceback
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from typing import Any

from minigrad.backend import current, settle, use
from minigrad.sweeping.results import Run
from minigrad.sweeping.values import as_saved
from minigrad.training import CtrlC

Settings = dict[str, Any]
Runs = Generator[Run, None, None]
PATIENCE = 0.1  # seconds between two looks at whether Ctrl-C was pressed


def attempt(function: Callable[..., Any], settings: Settings, backend: str) -> Run:
    """Call the function, and give what came of it; an exception becomes text, which every process can read.

    Examples
    --------
    >>> attempt(lambda x: 1 / x, {"x": 0}, "numpy").error
    'ZeroDivisionError: division by zero'
    """
    try:
        # in a context of its own, so that nothing it switches on stays on for the next one
        return Run(settings, "finished", contextvars.copy_context().run(_result, function, settings, backend))
    except (Exception, SystemExit) as error:
        return _failed(settings, error)


def one_after_another(function: Callable[..., Any], todo: Iterable[Settings], ctrl_c: CtrlC) -> Runs:
    """Call the function in this thread.

    Examples
    --------
    >>> [run.value for run in one_after_another(lambda x: x + 1, [{"x": 1}, {"x": 2}], CtrlC())]
    [2, 3]
    """
    for settings in todo:
        if ctrl_c.pressed:
            return
        yield attempt(function, settings, current().name)


def on_executor(executor: Executor, function: Callable[..., Any], todo: Iterable[Settings], ctrl_c: CtrlC) -> Runs:
    """Hand all calls to an executor, and give the runs as they end.

    After Ctrl-C the calls that wait are cancelled, and those that the executor has begun come to their end. Whoever
    stops listening cancels what waits, too.

    Raises
    ------
    RuntimeError
        If the executor was shut down.
    TypeError
        If the function cannot be sent to the executor's processes, or the executor gives other futures than those of
        ``concurrent.futures``.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as executor:
    ...     runs = on_executor(executor, lambda x: x + 1, [{"x": 1}, {"x": 2}], CtrlC())
    ...     sorted(run.value for run in runs)
    [2, 3]
    """
    ended: queue.SimpleQueue[Future[Run]] = queue.SimpleQueue()
    futures: dict[Future[Run], Settings] = {}
    try:
        for settings in todo:
            future = _submitted(executor, function, settings, first=not futures)
            futures[future] = settings
            future.add_done_callback(ended.put)
        while futures:
            future = _next(ended, futures, ctrl_c)
            settings = futures.pop(future)
            error = CancelledError("the executor gave it up") if future.cancelled() else future.exception()
            if error is None:
                yield future.result()
            elif not ctrl_c.pressed:
                yield _lost(settings, error)
    finally:
        for future in futures:
            future.cancel()


def _result(function: Callable[..., Any], settings: Settings, backend: str) -> Any:
    use(backend)
    result = as_saved(function(**settings))
    settle()  # what a device has still to complain about belongs to this run
    return result


def _attempt_elsewhere(function: Callable[..., Any], settings: Settings, backend: str) -> Run:
    """Call the function in a worker, where a terminal's Ctrl-C arrives as well: the first one lets the run end."""
    with CtrlC():
        return attempt(function, settings, backend)


def _submitted(executor: Executor, function: Callable[..., Any], settings: Settings, first: bool) -> Future[Run]:
    try:
        future = executor.submit(_attempt_elsewhere, function, settings, current().name)
    except Exception as error:
        if first and isinstance(error, RuntimeError):
            raise RuntimeError(f"the executor takes no runs: {error}; make a new one") from error
        future = Future()
        future.set_exception(error)
    if not isinstance(future, Future):
        raise TypeError(
            f"{type(executor).__name__}.submit gives a {type(future).__name__}, which is no future of "
            "concurrent.futures; a Dask client has such an executor: client.get_executor()"
        )
    return future


def _next(ended: queue.SimpleQueue[Future[Run]], futures: Iterable[Future[Run]], ctrl_c: CtrlC) -> Future[Run]:
    while True:
        if ctrl_c.pressed:
            for future in futures:
                future.cancel()
        with contextlib.suppress(queue.Empty):
            return ended.get(timeout=PATIENCE)


def _lost(settings: Settings, error: BaseException) -> Run:
    """Say what became of a call that the executor did not bring to its end; the function's own errors are not here."""
    text = _line(error)
    if "pickle" in text.lower() or "serialize" in text:
        raise TypeError(
            f"the function cannot be sent to another process: {text}. Define it with def at the top level of a module, "
            "and pass everything else as settings"
        ) from error
    if isinstance(error, BrokenExecutor):
        text += (
            " (A worker process dies for lack of memory, or if it cannot import the function, which must stand in a "
            "file; a script that starts processes needs if __name__ == '__main__':)"
        )
    return Run(settings, "failed", error=text)


def _failed(settings: Settings, error: BaseException) -> Run:
    inside = error.__traceback__
    while inside and inside.tb_frame.f_code.co_filename == __file__:
        inside = inside.tb_next
    shown = "".join(traceback.format_exception(type(error), error, inside))
    return Run(settings, "failed", error=_line(error), traceback=shown)


def _line(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
