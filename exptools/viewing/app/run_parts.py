"""The parts of a run's tab that only show: what is known of it, its snapshots, files and usage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from exptools.viewing.app.sweeps import STATE_WORDS, state_class
from exptools.viewing.config_tree import bounded, clean
from exptools.viewing.differences import Difference, Peculiarity
from exptools.viewing.media import Item
from exptools.viewing.run_files import MAX_SNAPSHOTS, Snapshot
from exptools.viewing.runs import Run

MAX_ROWS = 300  # of a table; nobody reads more
MAX_FILES = 200
SHOWN = 90  # characters of a value, of which the rest is a click away
LONGEST = 5000
STILL: Any = {"staticPlot": False, "displayModeBar": False}

Shown = list[Component] | Component


def facts(run: Run, now: float) -> list[Component]:
    """What a run's status says, as names and values."""
    status = run.status
    word = STATE_WORDS[run.state]
    found: list[tuple[str, Any]] = [
        ("State", html.Span(word, className=f"state {state_class(word)}"))
    ]
    if status is None:
        found.append(("Format", run.format))
        if run.updated:
            found.append(("Last written", moment(run.updated)))
    else:
        begun, ended = status.started, status.ended
        if begun is not None:
            found.append(("Duration", duration((ended if ended is not None else now) - begun)))
            found.append(("Started", moment(begun)))
        found.append(("Host", status.host or None))
        found.append(("Slot", _slot(status.slot, status.cpus, status.gpus)))
        found.append(("Attempt", status.attempt if status.attempt > 1 else None))
        found.append(("Ended by", _ending(status.signal, status.exit_code)))
        found.append(("CPU time", status.cpu_seconds and duration(status.cpu_seconds)))
        found.append(("Peak memory", status.max_rss and size(status.max_rss)))
        found.append(("Code", _code(status.git)))
    return [
        html.Div([html.Dt(name), html.Dd(value)]) for name, value in found if value not in (None, 0)
    ]


def complaints(run: Run) -> list[Component]:
    """The error that ended the run, and what of it could not be read."""
    error = run.status.error if run.status else None
    found: list[Component] = []
    if error:
        found.append(html.P(clean(error[:LONGEST]), className="run-error"))
    found += [html.P(clean(str(fault))[:LONGEST], className="run-fault") for fault in run.faults]
    return found


def differences(found: Sequence[Difference], other: str) -> Shown:
    """The keys in which two runs differ."""
    if not found:
        return sentence("Their configs are the same.")
    rows = [(one.key, value(one.left[0]), value(one.right[0])) for one in found]
    return _table(("Key", "This run", other), rows)


def peculiarities(found: Sequence[Peculiarity], runs: int) -> Shown:
    """The keys in which a run is not like most of its group."""
    if runs < 2:
        return sentence("There is no other run to compare it with.")
    if not found:
        return sentence(f"Its config is that of most of the {runs} runs.")
    rows = [
        (one.key, [value(one.value), _share(one.same, runs)], _others(one, runs)) for one in found
    ]
    return _table(("Key", "This run", "The other runs"), rows)


def snapshot_table(found: Sequence[Snapshot]) -> Shown:
    """What the run could go on from."""
    if not found:
        return sentence("No snapshots.")
    rows = [
        (
            [
                one.name,
                *([_muted(f"replaced by attempt {one.replaced_by}")] * bool(one.replaced_by)),
            ],
            "last" if one.step is None else f"{one.step:,}",
            size(one.size),
            moment(one.written),
        )
        for one in found[:MAX_SNAPSHOTS]
    ]
    left = len(found) - len(rows)
    more = sentence(f"{left:,} more of earlier steps.") if left > 0 else None
    return [_table(("Snapshot", "Step", "Size", "Written"), rows), *([more] if more else [])]


def file_table(found: Sequence[Item], url: Callable[[str], str]) -> Shown:
    """The files that were logged, to be downloaded."""
    rows = [
        (
            html.A(one.path.rpartition("/")[2], href=url(one.path), download=""),
            clean(one.tag),
            f"{one.step:,}",
            size(one.size),
        )
        for one in found[:MAX_FILES]
    ]
    left = len(found) - len(rows)
    more = [sentence(f"{left:,} more, not shown.")] if left > 0 else []
    return [_table(("File", "Tag", "Step", "Size"), rows), *more]


def usage_charts(charts: Sequence[tuple[str, str, dict[str, Any]]]) -> list[Component]:
    """Small charts beside each other."""
    return [
        html.Figure(
            [
                html.Figcaption([html.B(name), " ", html.Span(said)]),
                dcc.Graph(figure=figure, config=STILL, responsive=True, style={"height": 110}),
            ]
        )
        for name, said, figure in charts
    ]


def command(name: str, text: str, note: str = "") -> list[Component]:
    """A command with a button that copies it."""
    copy = dmc.CopyButton(
        "Copy", copiedChildren="Copied", value=text, variant="default", size="compact-xs"
    )
    return [
        html.H3(name),
        html.Div(
            [html.Code(text, className="run-command", **labelled(name)), copy],
            className="run-copy",
        ),
        *([sentence(note)] if note else []),
    ]


def labelled(name: str) -> Any:
    """What a screen reader calls a component."""
    return {"aria-label": name}


def sentence(text: str) -> Component:
    """In place of what is not there."""
    return html.P(text, className="run-nothing")


def value(found: Any) -> Component:
    """A value of a config, the rest of a long one behind a click."""
    text, cut = bounded(found, LONGEST)
    if len(text) <= SHOWN:
        return html.Span(text, className="run-value")
    rest = " … (cut)" if cut else ""
    return html.Details(
        [html.Summary(f"{text[:SHOWN]}…"), html.Span(text + rest)], className="run-value"
    )


def moment(seconds: float) -> str:
    """A time as a clock and a calendar have it, here."""
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at no time that there is"


def duration(seconds: float) -> str:
    """So many seconds, in the two units that say most."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{max(0.0, seconds):.1f} s" if whole < 10 else f"{whole} s"
    for unit, name, part, its in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= unit:
            return f"{whole // unit:,} {name} {whole % unit // part} {its}"
    return f"{whole // 60} min {whole % 60} s"


def size(bytes_: float) -> str:
    """So many bytes."""
    number = float(bytes_)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB"


def _slot(slot: int | None, cpus: str | None, gpus: Sequence[str]) -> str | None:
    parts = [str(slot)] if slot is not None else []
    parts += [f"CPUs {cpus}"] if cpus else []
    parts += [f"GPU {', '.join(gpu.removeprefix('GPU-')[:8] for gpu in gpus[:8])}"] if gpus else []
    return " · ".join(parts)[:200] or None


def _ending(signal: str | None, exit_code: int | None) -> str | None:
    return signal or (f"exit code {exit_code}" if exit_code else None)


def _code(git: Any) -> Any:
    if not git or not isinstance(git.get("commit"), str):
        return None
    commit = clean(git["commit"])
    code = html.Code(commit[:10], title=commit[:100])
    return [code, " with changes"] if git.get("dirty") else code


def _share(number: int, runs: int) -> Component:
    return _muted(f"{number:,} of {runs:,}")


def _others(one: Peculiarity, runs: int) -> list[Component]:
    shown = [html.Div([value(other), _share(number, runs)]) for other, number in one.others[:3]]
    left = len(one.others) - len(shown)
    return [*shown, *([_muted(f"and {left:,} other values")] if left > 0 else [])]


def _muted(text: str) -> Component:
    return html.Span(text, className="run-muted")


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Component:
    left = len(rows) - MAX_ROWS
    body = [html.Tr([html.Td(_cell(cell)) for cell in row]) for row in rows[:MAX_ROWS]]
    if left > 0:
        body.append(html.Tr([html.Td(f"{left:,} more, not shown", colSpan=len(heads))]))
    head = html.Thead([html.Tr([html.Th(name, scope="col") for name in heads])])
    return html.Div([html.Table([head, html.Tbody(body)])], className="run-table")


def _cell(cell: Any) -> Any:
    return clean(cell)[:LONGEST] if isinstance(cell, str) else cell
