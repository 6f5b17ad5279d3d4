"""How runs, curves and results show themselves in a notebook: small tables, light or dark.

A table has no colours of its own, so that it is as the notebook's other tables are. No file is
read to show one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeVar

import numpy as np

from exptools.viewing.configs.values import display
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, notes
from exptools.viewing.groups.grouping import Key, find_keys, run_key
from exptools.viewing.groups.names import SUMMARY, config_name
from exptools.viewing.run import Run
from exptools.viewing.wording import escape_invalid_unicode

T = TypeVar("T")

MOST_ROWS, MOST_COLUMNS, MOST_CHARACTERS = 10, 8, 60
MOST_FACTS = 20  # keys of a run's config

Cell = str | tuple[str, bool]  # a text, and whether it is bold
_IGNORED_BY_MATHJAX = "tex2jax_ignore mathjax_ignore"  # a dollar in a name is none of TeX's


def runs_table(runs: Sequence[Run], keys: Sequence[str], title: str) -> str:
    """A row a run: its name, state, keys and summary; of many the first and the last."""
    said = dict.fromkeys(f"{SUMMARY}{name}" for run in runs for name in run.summary)
    asked = find_keys(runs, [*map(config_name, keys), *said])
    shown = [*map(run_key, ("name", "state")), *asked]
    heads = ["run", "state", *(key.short for key in asked)]
    rows = [["…"] * len(shown) if run is None else _cells(run, shown) for run in few(runs)]
    notes = ["More columns are in table()."] if len(shown) > MOST_COLUMNS else []
    return table(heads[:MOST_COLUMNS], [row[:MOST_COLUMNS] for row in rows], title, notes)


def facts(run: Run, directory: str) -> str:
    """What is known of a run: where and how it is, its summary, its config."""
    named = [("directory", directory), ("state", run.state.value if run.state else "—")]
    items = [(name, display(_rounded(value))) for name, value in run.summary.items()]
    items += [(name, display(value)) for name, value in run.config.items()]
    named += items[:MOST_FACTS]
    left_out = len(items) - MOST_FACTS
    notes = [f"{left_out} more keys are in config."] if left_out > 0 else []
    return table(["", run.name], named, notes=notes)


def curves_table(sets: Sequence[CurveData], title: str) -> str:
    """A row a curve: where it ends, and of how many runs it is."""
    heads = ["metric"] * (len(sets) > 1)
    heads += [sets[0].legend if sets else "", "n", "ends at", "center", "low", "high"]
    rows = [
        ([curves.metric] if len(sets) > 1 else []) + _end(group)
        for curves in sets
        for group in curves.groups
    ]
    ends = [row or ["…"] * len(heads) for row in few(rows)]
    return table(heads, ends, title, notes(sets))


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    title: str = "",
    notes: Iterable[str] = (),
) -> str:
    """A table in HTML: texts stand there as they are, and long ones are cut; none without rows."""
    parts = [f"<p>{_text(title, 400)}</p>"] if title else []
    if rows := list(rows):
        parts.append('<table border="0" class="dataframe"><thead><tr>')
        parts += [f'<th style="text-align: left">{_text(head)}</th>' for head in heads]
        parts.append("</tr></thead><tbody>")
        for row in rows:
            parts += ["<tr>", *map(_cell, row), "</tr>"]
        parts.append("</tbody></table>")
    parts += [f"<p>{_text(note, 400)}</p>" for note in notes]
    return f'<div class="{_IGNORED_BY_MATHJAX}">{"".join(parts)}</div>'


def aligned(heads: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """A table of texts in columns, with sentences below."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*shown, *notes])


def few(items: Sequence[T], most: int = MOST_ROWS) -> list[T | None]:
    """The items, or of many the first and the last, with None for those between."""
    if len(items) <= most:
        return list(items)
    half = most // 2
    return [*items[:half], None, *items[-half:]]


def _cells(run: Run, keys: Sequence[Key]) -> list[str]:
    return [_shown(key, key.value(run)) for key in keys]


def _shown(key: Key, value: object) -> str:
    """A value as a person reads it: a result has six digits, a setting has all that it has."""
    is_result = key.whole.startswith(SUMMARY) and isinstance(value, float)
    return display(_rounded(value)) if is_result else key.show(value)


def _rounded(value: object) -> object:
    """A result with six digits."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _end(group: GroupCurve) -> list[str]:
    """The curve's last value with its band, and of how many of its runs that is."""
    curve, runs = group.curve, len(group.runs)
    finite = np.flatnonzero(np.isfinite(curve.center))
    if not len(finite):
        return [group.label, f"0/{runs}", *["—"] * 4]
    at = finite[-1]
    n, x = int(curve.n[at]), float(curve.x[at])
    band = (float(part[at]) for part in (curve.center, curve.low, curve.high))
    numbers = (f"{value:.4g}" if np.isfinite(value) else "—" for value in band)
    return [group.label, str(n) if n == runs else f"{n}/{runs}", f"{x:.10g}", *numbers]


def _cell(cell: Cell) -> str:
    text, bold = (cell, False) if isinstance(cell, str) else cell
    shown = f"<b>{_text(text)}</b>" if bold else _text(text)
    return f'<td style="text-align: left">{shown}</td>'


def _text(text: str, most: int = MOST_CHARACTERS) -> str:
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return escape(escape_invalid_unicode(cut))
