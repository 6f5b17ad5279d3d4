"""Tables as LaTeX, Markdown and CSV; and logged rows as they are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.curves.series import metric_names
from exptools.viewing.curves.summaries import Cell
from exptools.viewing.frames import column, frame_of, logged_rows, text_column
from exptools.viewing.groups.grouping import find_keys
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.run import Run
from exptools.viewing.tables.markup import beyond_latin, latex_text, markdown_text
from exptools.viewing.tables.results import Results, headings

T = TypeVar("T")

ROWS_AT_ONCE = 50_000
NOTHING = "—"
_MARKS = {"early": r"\dagger", "going": r"\ddagger"}  # in the column n of LaTeX

DIGITS = 4  # of a number without uncertainty
SPREAD_DIGITS = 2  # of an uncertainty
NOISE = 1e-12  # of the centre: a narrower band comes from the arithmetic
# What a spreadsheet takes for a formula, unless it is a plain number.
FORMULA, NUMBER = r"^[\s\x00]*[=+\-@]|^[\t\r\n]", r"^[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?$"
LONGEST, SHORTEST = 6, -4  # powers of ten from and up to which a power of ten is taken out


def latex(table: Results) -> str:
    """A ``tabular`` for the package booktabs, the best of each column in bold."""
    heads = [latex_text(head) for head in headings(table)]
    rows = _rows(table, latex_text, _latex_cell, _latex_counts)
    body = [*heads, *(cell for row in rows for cell in row)]
    strange = "".join(dict.fromkeys(char for text in body for char in beyond_latin(text)))
    lines = [
        f"% {described(table)}; needs \\usepackage{{booktabs}}",
        *(f"% {' '.join(sentence.split())}" for sentence in table.notes),
        *([f"% pdfLaTeX has no {strange}: use LuaLaTeX, with a font that has"] if strange else []),
        f"\\begin{{tabular}}{{{'l' * len(table.by)}{'r' * len(table.columns)}r}}",
        r"\toprule",
        " & ".join([*heads, "$n$"]) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        *_latex_notes(table),
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def markdown(table: Results) -> str:
    """A table in GitHub's Markdown, the best of each column in bold, what to know of it below."""
    heads = [markdown_text(head) for head in headings(table)]
    bold = "**{}**".format
    rows = _rows(
        table,
        markdown_text,
        lambda cell: bold(plain(cell)) if cell and cell.best else plain(cell),
        lambda cells: markdown_text(_counts(cells)),
    )
    rule = ["---"] * len(table.by) + ["---:"] * (len(table.columns) + 1)
    lines = "".join(f"| {' | '.join(row)} |\n" for row in [[*heads, "n"], rule, *rows])
    return lines + "".join(f"\n{markdown_text(sentence)}\n" for sentence in table.notes)


def readable(table: Results) -> tuple[list[str], list[list[tuple[str, bool]]]]:
    """Headings and rows for a terminal; a cell is its text and whether it is the best."""
    rows = _rows(
        table,
        lambda text: (text, False),
        lambda cell: (plain(cell), bool(cell and cell.best)),
        lambda cells: (_counts(cells), False),
    )
    return [*headings(table), "n"], rows


def _rows(
    table: Results,
    show_text: Callable[[str], T],
    show_cell: Callable[[Cell | None], T],
    show_counts: Callable[[Sequence[Cell | None]], T],
) -> list[list[T]]:
    """The rows of a table: the keys' values, the cells, and how many runs these are of."""
    columns = [_with_ties(column) for column in zip(*table.cells, strict=True)]
    return [
        [*map(show_text, texts), *map(show_cell, cells), show_counts(cells)]
        for texts, cells in zip(table.texts, zip(*columns, strict=True), strict=True)
    ]


def _with_ties(column: Sequence[Cell | None]) -> list[Cell | None]:
    """The cells, of which those are best, too, whose centre reads as that of the best one."""
    best = {_centre(cell) for cell in column if cell and cell.best}
    return [cell and replace(cell, best=_centre(cell) in best) for cell in column]


def _centre(cell: Cell) -> tuple[str, int] | None:
    number = rounded(cell.center, cell.low, cell.high)
    return (number.center, number.exponent) if number else None


def logged(
    index: Index,
    runs: Sequence[Run],
    metrics: str | Sequence[str] | None = None,
    by: Sequence[str] = (),
    *,
    long: bool = True,
) -> pl.DataFrame:
    """Every logged row of some metrics (None: of all), behind its run's name a column for each key.

    ``long``: a row a value, else a column a metric, under the name that was given for it, as for
    ``Runs.rows``.
    """
    given = (metrics,) if isinstance(metrics, str) else metrics
    names = list(dict.fromkeys(metric_names(index, runs, given)))
    columns = index.columns(runs, [STEP, WALL_TIME, *names])
    rows = logged_rows(runs, columns, names, long=long)
    run_names = text_column("name", [run.name for run in runs])
    places = {name: place for place, name in enumerate(run_names)}
    at = rows["name"].replace_strict(places, return_dtype=pl.Int64)
    keys = [
        ("config", key.name, column(key.name, [key.value(run) for run in runs]).gather(at))
        for key in find_keys(runs, by, index.snapshot.runs)
    ]
    titles = dict(zip(metric_names(index, runs, given), given or (), strict=False))
    rest = [("logged", titles.get(name, name), rows[name]) for name in rows.columns[1:]]
    return frame_of([("run", "name", rows["name"]), *keys, *rest])


def csv(frame: pl.DataFrame, *, for_spreadsheets: bool = False) -> Iterator[bytes]:
    """A frame as CSV, piece by piece: UTF-8, LF, as the run directory's ``progress.csv``.

    A float has the digits that read back as the same number; ``NaN``, ``inf`` and ``-inf`` are
    spelled so, null is an empty cell, and an empty text is ``""``.

    ``for_spreadsheets`` sets an apostrophe before texts that a spreadsheet would run as a formula.
    """
    if for_spreadsheets:
        frame = _without_formulas(frame)
    yield frame.clear().write_csv().encode()
    for piece in frame.iter_slices(ROWS_AT_ONCE):
        yield piece.write_csv(include_header=False).encode()


def _without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with an apostrophe before each text, name of a column too, that begins as one."""
    texts = pl.col(pl.String)
    runs = texts.str.contains(FORMULA) & ~texts.str.contains(NUMBER)
    quoted = pl.when(runs).then(pl.lit("'") + texts).otherwise(texts).name.keep()
    names = dict.fromkeys(name for name in frame.columns if not re.match(FORMULA, name))
    renamed = {}
    for name in frame.columns:
        if name not in names:
            renamed[name] = _free("'" + name, names)
            names[renamed[name]] = None
    return frame.with_columns(quoted).rename(renamed)


def _free(name: str, taken: Collection[str]) -> str:
    """A name that no other column has, with more apostrophes before it than asked for."""
    while name in taken:
        name = "'" + name
    return name


def plain(cell: Cell | None) -> str:
    """A cell rounded for people: centre ± spread, or centre [low, high]."""
    number = rounded(cell.center, cell.low, cell.high) if cell else None
    return _number(number, " ± ", " ", "e{}") if number else NOTHING


def _latex_cell(cell: Cell | None) -> str:
    number = rounded(cell.center, cell.low, cell.high) if cell else None
    if number is None or cell is None:
        return latex_text(NOTHING)
    body = _number(number, r" \pm ", r"\ ", r" \times 10^{{{}}}")
    return f"$\\mathbf{{{body}}}$" if cell.best else f"${body}$"


def _number(number: Rounded, plus_minus: str, space: str, power: str) -> str:
    text = number.center
    if number.spread:
        text = f"{number.center}{plus_minus}{number.spread}"
    elif number.low:
        text = f"{number.center}{space}[{number.low}, {number.high}]"
    if not number.exponent:
        return text
    return (text if text == number.center else f"({text})") + power.format(number.exponent)


def _counts(cells: Sequence[Cell | None]) -> str:
    """How many runs each number of a row is of, once where it is the same for all."""
    counts = [NOTHING if cell is None else _count(cell) for cell in cells]
    return counts[0] if len(set(counts)) == 1 else ", ".join(counts)


def _latex_counts(cells: Sequence[Cell | None]) -> str:
    """The same, with a mark where others have words; what it means stands below the table."""
    counts = [latex_text(NOTHING) if cell is None else _marked_count(cell) for cell in cells]
    text = counts[0] if len(set(counts)) == 1 else ", ".join(counts)
    # The last mark stands beside the column, so that its numbers are below each other.
    return re.sub(r"(\$\^\{[^$]*\}\$)$", r"\\rlap{\1}", text)


def _marked_count(cell: Cell) -> str:
    marks = [_MARKS["early"]] * (cell.early > 0)
    marks += [_MARKS["going"]] * (cell.going + cell.pending > 0)
    return f"{_number_of(cell)}$^{{{''.join(marks)}}}$" if marks else _number_of(cell)


def _latex_notes(table: Results) -> Iterator[str]:
    """Rows below the table for what the column n has besides numbers."""
    cells = [cell for row in table.cells for cell in row if cell]
    width = len(table.by) + len(table.columns) + 1
    early = {cell.early for cell in cells if cell.early}
    going = {cell.going + cell.pending for cell in cells if cell.going + cell.pending}
    notes = [
        f"$^{{{_MARKS[kind]}}}${_some(counts)} of these {what}."
        for kind, counts, what in (
            ("early", early, "ended early"),
            ("going", going, f"{'is' if going == {1} else 'are'} running or queued"),
        )
        if counts
    ]
    short = max((c for c in cells if c.n < c.runs), key=lambda c: c.n, default=None)
    if short:
        have = "has" if short.n == 1 else "have"
        notes.append(f"{_number_of(short)}: {short.n} of {short.runs} runs {have} a value.")
    for note in notes:
        yield f"\\multicolumn{{{width}}}{{l}}{{\\footnotesize {note}}} \\\\"


def _some(counts: Collection[int]) -> str:
    return str(*counts) if len(counts) == 1 else "Some"


def _number_of(cell: Cell) -> str:
    return str(cell.n) if cell.n == cell.runs else f"{cell.n}/{cell.runs}"


def _count(cell: Cell) -> str:
    """How many runs are in a cell: "8", "4/5" where one has no number, "8 (6 early)"."""
    number = _number_of(cell)
    unfinished = [(cell.early, "early"), (cell.going, "running"), (cell.pending, "to come")]
    words = ", ".join(f"{n} {word}" for n, word in unfinished if n)
    return f"{number} ({words})" if words else number


def described(table: Results) -> str:
    """What its numbers are: "last of test/accuracy: mean, band std, over n runs"."""
    parts = dict.fromkeys(
        f"{head.summary} of {head.metric}" if head.of_curves else head.metric
        for head in table.columns
    )
    return " ".join(f"{', '.join(parts)}: {table.center}, band {table.band}, over n runs".split())


@dataclass(frozen=True)
class Rounded:
    """A centre and its band as texts, all in the same power of ten."""

    center: str
    spread: str = ""  # of a band of the same width on either side
    low: str = ""  # the edges of any other band
    high: str = ""
    exponent: int = 0  # the power of ten that all is to be multiplied by


def rounded(center: float, low: float = math.nan, high: float = math.nan) -> Rounded | None:
    """Round half the band's width to two digits, and the rest to its last place.

    Without a band the centre has four digits. None where the centre is no finite number.
    """
    if not math.isfinite(center):
        return None
    banded = math.isfinite(low) and math.isfinite(high)
    spread = high / 2 - low / 2 if banded else 0.0
    size = _power(max(abs(center), spread), DIGITS)
    exponent = size if size >= LONGEST or size <= SHORTEST else 0
    if spread <= NOISE * abs(center):
        text = _fixed(center, exponent, DIGITS - 1 - _power(center, DIGITS) + exponent)
        short = text.rstrip("0").rstrip(".") if "." in text else text
        return Rounded(short, "0" if banded else "", exponent=exponent)
    places = SPREAD_DIGITS - 1 - _power(spread, SPREAD_DIGITS) + exponent
    middle = _fixed(center, exponent, places)
    if math.isclose(high - center, center - low, rel_tol=1e-6):
        return Rounded(middle, _fixed(spread, exponent, places), exponent=exponent)
    edges = [_fixed(edge, exponent, places) for edge in (low, high)]
    return Rounded(middle, low=edges[0], high=edges[1], exponent=exponent)


def _power(number: float, digits: int) -> int:
    """The power of ten of the first digit, once rounded: 0.0999 is 0.10 in two digits."""
    return int(f"{number:.{digits - 1}e}".partition("e")[2]) if number else 0


def _fixed(number: float, exponent: int, places: int) -> str:
    """A number without its power of ten, with so many places after the point."""
    scaled = round(Decimal(number).scaleb(-exponent), places)
    text = f"{scaled:.{max(0, places)}f}"
    return text.removeprefix("-") if not scaled else text
