"""The parts of a run's tab that only show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from exptools.viewing.app.states import STATE_WORDS, state_class
from exptools.viewing.run import Run
from exptools.viewing.wording import clean, duration, moment, size

LONGEST = 5000
STILL: Any = {"staticPlot": False, "displayModeBar": False}


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
    found.append(("Directory", html.Code(clean(str(run.directory)))))
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
