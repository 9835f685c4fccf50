"""Experiments over seeds and settings: one function, called once with each combination of a grid.

1. `grid` turns a grid into the settings of all runs.
2. `results` keeps what came of each run, and answers questions about all of them.
3. `values` turns what a function returns into what a file can hold, and back.
4. `executing` makes the calls, here or on any executor of ``concurrent.futures``.
5. `folder` saves the runs that are finished, one file each.
6. `running` joins them to `sweep`.
"""

from minigrad.sweeping.results import Results, Run, RunError
from minigrad.sweeping.running import sweep

__all__ = ["Results", "Run", "RunError", "sweep"]
