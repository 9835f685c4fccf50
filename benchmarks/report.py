"""Write what was measured as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy

from benchmarks import Contender, Measured, Run

Spread = tuple[float, float, float]
MIB = 2**20


def table(name: str, workload: Any, runs: list[Run]) -> str:
    """Write all that was measured of a workload."""
    title = f"### {name}: {(workload.__doc__ or '').splitlines()[0]}\n"
    lines = growth(workload, runs) if hasattr(workload, "GROWS") else side_by_side(workload, runs[0])
    return "\n".join([title, *lines])


def heading(setting: dict[str, Any]) -> str:
    """Write what the tables were made with."""
    lines = []
    for what, value in setting.items():
        text = ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value
        lines.append(f"- {what}: {f'`{text}`' if what == 'command' else text}")
    return "\n".join(lines)


# Parts of a table


def spread(values: list[float]) -> Spread:
    """Give the median, the 10th and the 90th percentile."""
    low, high = numpy.percentile(values, (10, 90)).tolist()
    return statistics.median(values), low, high


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    for scale, symbol in ((1.0, "s"), (1e3, "ms")):
        if seconds * scale >= 1.0:
            return f"{seconds * scale:.2f} {symbol}"
    return f"{seconds * 1e6:.2f} µs"


def row(cells: list[str]) -> str:
    """Write one row; the message of an exception may hold what would end a cell or the row."""
    return f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |"


def head(cells: list[str]) -> list[str]:
    """Write the names of the columns."""
    return [row(cells), "|---" * len(cells) + "|"]


# One table with a row per contender


def side_by_side(workload: Any, run: Run) -> list[str]:
    """Write a workload of one size."""
    unit, per_step = workload.UNIT
    difference = getattr(workload, "DIFFERENCE", False)
    memory = getattr(workload, "MEMORY", False)
    columns = [
        "contender",
        f"median per {unit}",
        "p10–p90",
        f"{'over' if difference else '×'} {run.base}",
        "first step",
    ]
    columns += ["memory of the process", "beyond the library"] * memory + ["target"]
    lines = head(columns)
    for contender in workload.CONTENDERS:
        came = run.results[contender.name]
        if not came.seconds:
            lines.append(row([contender.name, came.status] + [""] * (len(columns) - 2)))
            continue
        median, low, high = (duration(s) for s in spread([s / per_step for s in came.seconds]))
        base = run.results[run.base]
        compared = comparison(came, base, difference) if base.seconds else ""
        cells = [contender.name, median, f"{low}–{high}", compared, duration(came.first_step)]
        cells += [f"{came.process / MIB:.0f} MiB", f"{came.beyond / MIB:.1f} MiB"] * memory
        lines.append(row([*cells, "<br>".join(outcomes(contender, run, difference))]))
    return lines


def compare(came: Measured, other: Measured, difference: bool) -> Spread:
    """Give the spread of the ratios of two contenders' times, or of the differences, each taken within a round."""
    pairs = zip(came.seconds, other.seconds, strict=True)
    return spread([a - b if difference else a / b for a, b in pairs])


def comparison(came: Measured, other: Measured, difference: bool) -> str:
    """Write such a spread."""
    median, low, high = compare(came, other, difference)
    return f"{median:+.3f} s ({low:.3f}–{high:.3f})" if difference else f"{median:.2f} ({low:.2f}–{high:.2f})"


def outcomes(contender: Contender, run: Run, difference: bool) -> list[str]:
    """Say how each target of a contender came out; they are set for the CPU."""
    if run.backend != "numpy":
        return []
    lines = []
    came = run.results[contender.name]
    for name, wanted in contender.targets.items():
        other = run.results[name]
        target = f"over {name}, target ≤ {wanted} s" if difference else f"× {name}, target ≤ {wanted}"
        if other.seconds:
            met = compare(came, other, difference)[0] <= wanted
            lines.append(f"{comparison(came, other, difference)} {target}: {'met' if met else 'MISSED'}")
        else:
            lines.append(f"? {target}: not measured")
    for name, wanted in contender.memory.items():
        other = run.results[name]
        target = f"× the memory of {name}, target ≤ {wanted}"
        if came.process and other.process:
            share = came.process / other.process
            lines.append(f"{share:.2f} {target}: {'met' if share <= wanted else 'MISSED'}")
        else:
            lines.append(f"? {target}: not measured")
    return lines


# Tables with a column per size


def growth(workload: Any, runs: list[Run]) -> list[str]:
    """Write for each size that grows one table of times and one of memory."""
    unit, per_step = workload.UNIT

    def time(run: Run, came: Measured) -> tuple[float, str]:
        median = statistics.median(came.seconds) / per_step
        base = run.results[run.base]
        return median, duration(median) + (f" (× {compare(came, base, False)[0]:.2f})" if base.seconds else "")

    def memory(run: Run, came: Measured) -> tuple[float, str]:
        return came.beyond, f"{came.beyond / MIB:.1f} MiB"

    lines = []
    for what in workload.GROWS:
        along = [run for run in runs if what in run.size]
        lines += [f"Time per {unit} (× {along[0].base}) by {what}:\n", *growing(along, what, time), ""]
        lines += [f"Peak memory beyond the library by {what}:\n", *growing(along, what, memory), ""]
    return lines[:-1]


def growing(runs: list[Run], what: str, measured: Callable[[Run, Measured], tuple[float, str]]) -> list[str]:
    """Write one row per contender, one column per size, and the slopes."""
    sizes = [run.size[what] for run in runs]
    lines = head(["contender", *(f"{size:,}" for size in sizes), "slope", "slope at the end"])
    for name in runs[0].results:
        points, cells = [], []
        for run, size in zip(runs, sizes, strict=True):
            came = run.results[name]
            value, cell = measured(run, came) if came.seconds else (0.0, came.status)
            cells.append(cell)
            if value > 0.0:
                points.append((size, value))
        if not points and len(set(cells)) == 1:  # one reason for all sizes is said once
            cells[1:] = [""] * (len(cells) - 1)
        lines.append(row([name, *cells, slope(points), slope(points[-2:])]))
    return lines


def slope(points: list[tuple[int, float]]) -> str:
    """Give the slope of the line through the logarithms: 1 for what grows like the size, 2 for its square."""
    if len(points) < 2:
        return ""
    sizes, values = numpy.log(points).T
    return f"{numpy.polyfit(sizes, values, 1)[0]:.2f}"
