"""What the command ``exptools diff`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exptools.viewing.api.runs import Runs
from exptools.viewing.cli.actions import find_runs, tell_faults
from exptools.viewing.cli.commands import DiffCommand
from exptools.viewing.cli.output import json_text, show, write, write_frame
from exptools.viewing.frames import text_column
from exptools.viewing.groups import differences
from exptools.viewing.groups.differences import SweepComparison
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run
from exptools.visible import visible

_DIFFERENCE = ("key", "left", "right")


def diff_runs(command: DiffCommand) -> None:
    """What two runs, or two sweeps, differ in."""
    output = command.output
    left, right = (find_runs([root], command) for root in (command.left, command.right))
    pair = _pair(left, right)
    if pair:
        compared = SweepComparison(tuple(differences.diff(*pair)), (), (pair,), (), ())
    else:
        compared = differences.compare(left, right)
    cells = [(difference.key, *difference.texts) for difference in compared.differences]
    if output.kind == "json":
        write([json_text(_document(compared, cells, left, right)), b"\n"], output)
    elif output.kind:
        texts = {name: [cell[at] for cell in cells] for at, name in enumerate(_DIFFERENCE)}
        write_frame(pl.DataFrame([text_column(*item) for item in texts.items()]), output)
    else:
        one, other = pair or (None, None)
        heads = [_titled(command.left, left, one), _titled(command.right, right, other)]
        show(["", *heads], cells)
        print("\n".join(map(visible, _matches(compared, left, right))))
    tell_faults(output, left, right)


def _document(
    compared: SweepComparison, cells: Sequence[Sequence[str]], left: Runs, right: Runs
) -> dict[str, object]:
    return {
        "differences": [dict(zip(_DIFFERENCE, cell, strict=True)) for cell in cells],
        "matched_by": compared.matched_by,
        "matched": [[_place(one, left), _place(two, right)] for one, two in compared.matched],
        "only_left": [_place(run, left) for run in compared.only_left],
        "only_right": [_place(run, right) for run in compared.only_right],
    }


def _place(run: Run, runs: Runs) -> str:
    return runs.origin.hiding.path(run)


def _pair(left: Runs, right: Runs) -> tuple[Run, Run] | None:
    """The two runs to compare: of a run and a sweep that of the sweep which is nearest to it."""
    if len(left) == 1:
        return left[0], differences.nearest(left[0], right)
    return (differences.nearest(right[0], left), right[0]) if len(right) == 1 else None


def _titled(path: Path, runs: Runs, run: Run | None) -> str:
    """What stands above a side's values: the directory that was given, or the run in it."""
    place = runs.origin.hiding.place(path)
    return str(place) if run is None or len(runs) == 1 else str(place / run.name)


def _matches(compared: SweepComparison, left: Runs, right: Runs) -> list[str]:
    sizes = sorted((len(left), len(right)))
    if sizes[0] == 1:
        number = len(compared.differences)
        differ = f"{number} key{'s' if number != 1 else ''} differ{'s' if number == 1 else ''}"
        nearest = f"; no other of the {sizes[1]} runs is nearer to it" if sizes[1] > 1 else ""
        return [f"{differ}{nearest}"]
    keys = f" by {', '.join(compared.matched_by)}" if compared.matched_by else ""
    number = len(compared.matched)
    match = "run of {} and of {} matches" if number == 1 else "runs of {} and of {} match"
    lines = [f"{number} {match.format(len(left), len(right))}{keys}"]
    for side, alone in (("left", compared.only_left), ("right", compared.only_right)):
        lines += [f"only {side}: {', '.join(run.name for run in alone)}"] if alone else []
    return lines
