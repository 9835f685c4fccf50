"""`sweep`: one experiment for each combination of settings."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

from minigrad.sweeping.executing import on_executor, one_after_another
from minigrad.sweeping.folder import Folder
from minigrad.sweeping.grid import combinations, described, key
from minigrad.sweeping.results import Results, Run
from minigrad.training import CtrlC


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]],
    executor: Executor | None = None,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    on_result: Callable[[Run], Any] | None = None,
) -> Results:
    """Call ``function(**settings)`` for all settings of a grid, and keep what every call returns.

    A seed is a setting like any other: the function makes its generator from it, and all else that a run depends on
    comes from its settings too. Then the results depend neither on the executor nor on the order in which runs end.

    A run that raises an exception is noted as failed, and the others go on. A bar counts the runs if the standard error
    is a terminal.

    Ctrl-C lets the runs end that have begun, leaves out the others, and returns. A second Ctrl-C raises
    KeyboardInterrupt at once. What was finished is in the checkpoint either way. A pool of processes begins a few runs
    ahead, which are done as well; Dask's executor gives up those that have begun, too.

    Processes share the cores: if there are as many as cores, NumPy's linear algebra should use one thread in each, by
    ``OPENBLAS_NUM_THREADS=1`` (or ``MKL_``, ``OMP_``) in the environment before Python starts.

    Parameters
    ----------
    function : callable
        Takes the settings by name. It returns plain values as `minigrad.save` takes them, such as a number or a dict of
        numbers, text and arrays, and may have a `History` anywhere in them. They come back as from `minigrad.load`,
        with arrays on the host.
    grid : dict or iterable of dicts
        Either the values of each setting, of which every combination is run, as ``{"lr": [0.1, 0.01], "seed":
        range(5)}``; or the settings of each run. Settings are numbers, text, bools, None, and tuples of them.
    executor : concurrent.futures.Executor, optional
        Where to run: threads, processes, or machines; of Dask ``client.get_executor()``. It is left open. Other
        processes import the function from its module. Without an executor the runs are made here, one after another.
    checkpoint : path, optional
        A folder, which is made if need be. Every run that finishes is saved in it at once, in a file of its own.
    resume : bool
        Take the runs that are in the checkpoint as they are, and run the others, the failed ones again. The grid may
        have grown meanwhile. The function is known by its name, and whether it has changed is not noticed.
    on_result : callable, optional
        Called with each `Run` as it ends, here, whether it finished or failed.

    Returns
    -------
    Results
        The runs in the order of the grid.

    Raises
    ------
    FileExistsError
        If there are runs in the checkpoint, and they are not to be resumed.
    CheckpointError
        If the checkpoint is of another function, or holds runs that the grid does not have.
    RuntimeError
        If the executor was shut down.
    TypeError, ValueError
        If an argument is not as described, the function does not take the settings, or it cannot be sent to another
        process.

    Examples
    --------
    >>> import numpy
    >>> def walk(scale, seed):
    ...     return abs(scale * numpy.random.default_rng(seed).normal(size=100).sum())
    >>> results = sweep(walk, {"scale": [1.0, 2.0], "seed": range(5)})
    >>> results.array().shape
    (2, 5)
    >>> for run in results.over("seed"):
    ...     print(run.settings, "{mean:.1f} ± {std:.1f}".format(**run.value))
    {'scale': 1.0} 5.8 ± 2.9
    {'scale': 2.0} 11.5 ± 5.7
    """
    from tqdm import tqdm

    settings = combinations(grid)
    _check(function, settings, executor, checkpoint, resume, on_result)
    folder = None if checkpoint is None else Folder(checkpoint, function)
    if folder and folder.files and not resume:
        raise FileExistsError(
            f"there are runs in {folder.path} already: continue with resume=True, delete it, or choose another name"
        )
    runs = {key(each): Run(each, "not run") for each in settings}
    runs.update({key(run.settings): run for run in folder.finished(settings)} if folder else {})
    todo = [run.settings for run in runs.values() if run.status == "not run"]
    failed = 0
    with CtrlC() as ctrl_c, tqdm(total=len(runs), initial=len(runs) - len(todo), disable=None) as bar:
        if executor is None:
            calls = one_after_another(function, todo, ctrl_c)
        else:
            calls = on_executor(executor, function, todo, ctrl_c)
        with contextlib.closing(calls):
            for run in calls:
                runs[key(run.settings)] = run
                if folder and run.status == "finished":
                    folder.save(run)
                if on_result:
                    on_result(run)
                if run.status == "failed":
                    failed += 1
                    bar.set_postfix(failed=failed, refresh=False)
                bar.update()
    return Results([runs[key(each)] for each in settings])


def _check(function: Any, settings: Any, executor: Any, checkpoint: Any, resume: Any, on_result: Any) -> None:
    if not callable(function):
        raise TypeError(f"function must be a function of the settings; got {function!r}")
    if on_result is not None and not callable(on_result):
        raise TypeError(f"on_result must be a function of a run; got {on_result!r}")
    if executor is not None and (isinstance(executor, type) or not hasattr(executor, "submit")):
        raise TypeError(
            f"executor must be one of concurrent.futures, such as ProcessPoolExecutor(4), or None; got {executor!r}"
        )
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint=, the folder to go on from")
    with contextlib.suppress(ValueError):  # some functions that are written in C do not tell what they take
        signature = inspect.signature(function)
        for each in settings:
            try:
                signature.bind(**each)
            except TypeError as error:
                raise TypeError(f"the function does not take the settings {described(each)}: {error}") from None
