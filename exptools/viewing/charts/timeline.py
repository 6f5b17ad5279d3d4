"""Which job ran when in which slot, and how much of the CPUs and GPUs all of them used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from exptools.rundir import State
from exptools.units import format_duration
from exptools.viewing.arrays import Floats
from exptools.viewing.charts.chart import Chart, axis, count, hover, layout, named
from exptools.viewing.charts.jobs import Job, Lane, jobs_of, lanes_of, local_ms
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import LIGHT, Theme, translucent
from exptools.viewing.run import Run
from exptools.viewing.run_files.usage import (
    StepFunction,
    Usage,
    as_steps,
    sum_in_bins,
    usage_of,
)

MOST_JOBS = 1000
BINS = 300  # of the time, in which use is summed up
LANE, PANEL, GAP, AROUND = 34, 84, 36, 88  # px: a lane, a panel of use, above it, around all


@dataclass(frozen=True)
class _Style:
    """How the jobs in a state look: states differ in more than their colours."""

    word: str
    line: int | None  # of the theme's colours; None: muted
    opacity: float
    pattern: str
    mark: str | None  # in the middle of the job; of one that runs at its end


_STYLES = {
    State.COMPLETED: _Style("finished", 0, 0.55, "", None),
    State.RUNNING: _Style("running", 0, 0.12, "", "triangle-right"),
    State.FAILED: _Style("failed", 1, 0.6, "x", "x"),
    State.TIMEOUT: _Style("timed out", 1, 0.25, "-", "square"),
    State.KILLED: _Style("killed", 3, 0.4, "/", "triangle-down"),
    State.INTERRUPTED: _Style("interrupted", None, 0.3, "\\", "diamond"),
}


def timeline(runs: Sequence[Run], now: float, *, theme: Theme = LIGHT) -> Chart:
    """The jobs of some runs over time, a lane a slot; of running ones until ``now`` (Unix seconds).

    Of a job that was started again only the last attempt is known.
    """
    started = jobs_of(runs, now)
    if not started:
        raise QueryError("No run has a status that says when it started: nothing to show")
    jobs = started[-MOST_JOBS:]
    lanes = lanes_of(jobs)
    use, unread = _use(jobs, theme)
    figure = {
        "data": [*_bars(lanes, theme), *_marks(lanes, theme), *(trace for trace, _ in use)],
        "layout": _layout(lanes, [title for _, title in use], theme),
    }
    caption = _caption(runs, jobs, len(started), unread)
    return Chart(
        figure, caption, AROUND + LANE * len(lanes) + (PANEL + GAP) * len(use), fills=False
    )


def _color(style: _Style, theme: Theme) -> str:
    return theme.muted if style.line is None else theme.lines[style.line]


def _bars(lanes: Sequence[Lane], theme: Theme) -> list[dict[str, Any]]:
    """A trace for each state that occurs."""
    placed = [(at, job) for at, lane in enumerate(lanes) for job in lane.jobs]
    members = {state: [(at, job) for at, job in placed if job.state is state] for state in _STYLES}
    return [_bar(jobs, _STYLES[state], theme) for state, jobs in members.items() if jobs]


def _bar(members: Sequence[tuple[int, Job]], style: _Style, theme: Theme) -> dict[str, Any]:
    jobs = [job for _, job in members]
    start, end = (local_ms([getattr(job, name) for job in jobs]) for name in ("started", "ended"))
    color = _color(style, theme)
    return {
        "type": "bar",
        "orientation": "h",
        "name": style.word,
        "showlegend": True,
        "base": typed_array(start),
        "x": typed_array(end - start),
        "y": [at for at, _ in members],
        "width": 0.72,
        "text": [_number(job) for job in jobs],
        "textposition": "inside",
        "insidetextanchor": "start",
        "textangle": 0,
        "textfont": {"color": theme.text, "size": 11},
        "customdata": [job.run.name for job in jobs],
        "hovertext": [_hover(job, style) for job in jobs],
        "hoverinfo": "text",
        "marker": {
            "color": translucent(color, style.opacity),
            "line": {"color": color, "width": 1},
            "pattern": {
                "shape": style.pattern,
                "fgcolor": color,
                "bgcolor": translucent(color, style.opacity / 3),
                "size": 6,
                "solidity": 0.25,
            }
            if style.pattern
            else {"shape": ""},
        },
    }


def _marks(lanes: Sequence[Lane], theme: Theme) -> list[dict[str, Any]]:
    """Marks on jobs: one that is too short for its pattern is seen to have failed."""
    marked = [
        (at, job, style)
        for at, lane in enumerate(lanes)
        for job in lane.jobs
        if (style := _STYLES[job.state]).mark
    ]
    colors = [_color(style, theme) for _, _, style in marked]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": typed_array(local_ms([_marked_at(job) for _, job, _ in marked])),
        "y": [at for at, _, _ in marked],
        "hoverinfo": "skip",
        "showlegend": False,
        "marker": {
            "symbol": [style.mark for _, _, style in marked],
            "size": 9,
            "color": colors,
            "line": {"color": theme.background, "width": 1},
        },
    }
    return [trace] if marked else []


def _marked_at(job: Job) -> float:
    return job.ended if job.state is State.RUNNING else (job.started + job.ended) / 2


def _number(job: Job) -> str:
    """What stands in a bar: the job's number, and which attempt it is if not the first."""
    if _STYLES[job.state].mark and job.state.ended:
        return ""  # the mark stands there
    number = job.run.status.job if job.run.status else None
    text = "" if number is None else str(number)
    return f"{text} (attempt {job.attempt})" if job.attempt > 1 else text


def _hover(job: Job, style: _Style) -> str:
    status = job.run.status
    started = datetime.fromtimestamp(job.started).strftime("%Y-%m-%d %H:%M:%S")
    lines = {"state": style.word, "started": started}
    lines |= {"took" if job.state.ended else "for": format_duration(job.ended - job.started)}
    if job.queued is not None:
        lines["waited"] = format_duration(job.started - job.queued)
    if job.attempt > 1:
        lines["attempt"] = str(job.attempt)
    if status is not None and status.element:
        lines["element"] = status.element
    if status is not None and status.cpus:
        lines["CPUs"] = status.cpus
    if status is not None and status.gpus:
        lines["GPUs"] = ", ".join(status.gpus)
    if status is not None and status.error:
        lines["error"] = status.error
    return hover(lines, job.run.name)


def _use(jobs: Sequence[Job], theme: Theme) -> tuple[list[tuple[dict[str, Any], str]], int]:
    """A trace and its title for the CPUs and for the GPUs, where anything was sampled."""
    samples: list[tuple[Job, Usage]] = []
    unread = 0
    for job in jobs:
        try:
            usage = usage_of(job.run.directory)
        except (OSError, ValueError):
            unread += 1
        else:
            samples += [(job, usage)] if usage is not None else []
    edges = np.linspace(jobs[0].started, max(job.ended for job in jobs), BINS + 1)
    if edges[-1] <= edges[0]:
        return [], unread
    cpus = _uses(samples, "cpu_percent")
    gpus = _uses(samples, "gpu_percent")
    panels = []
    if cpus:
        panels.append((_area(edges, sum_in_bins(cpus, edges)[0] / 100, theme, "y2"), "CPU cores"))
    if gpus:
        percent, running = sum_in_bins(gpus, edges)
        mean = np.divide(percent, running, out=np.zeros_like(percent), where=running > 1e-9)
        panels.append((_area(edges, mean, theme, f"y{len(panels) + 2}"), "GPU %"))
    return panels, unread


def _uses(samples: Sequence[tuple[Job, Usage]], name: str) -> list[StepFunction]:
    uses = []
    for job, usage in samples:
        # Of one that runs nobody knows what it has used since its last sample.
        end = float(usage.time[-1]) if job.state is State.RUNNING else job.ended
        use = as_steps(usage.time, getattr(usage, name), job.started, end)
        uses += [use] if use is not None else []
    return uses


def _area(edges: Floats, values: Floats, theme: Theme, yaxis: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": typed_array(local_ms(edges)),
        "y": typed_array(np.append(values, values[-1])),
        "yaxis": yaxis,
        "showlegend": False,
        "line": {"color": theme.lines[2], "width": 1.5, "shape": "hv"},
        "fill": "tozeroy",
        "fillcolor": translucent(theme.lines[2], 0.16),
        "hovertemplate": "%{x|%H:%M:%S}: %{y:.3~g}<extra></extra>",
    }


def _layout(lanes: Sequence[Lane], panels: Sequence[str], theme: Theme) -> dict[str, Any]:
    high = LANE * len(lanes) + (PANEL + GAP) * len(panels)
    bottom = 1 - LANE * len(lanes) / high
    labels = named(_labels(lanes), range=[len(lanes) - 0.5, -0.5], fixedrange=True, showgrid=False)
    parts = {
        "yaxis": axis(theme) | labels | {"domain": [bottom, 1], "tickfont": {"color": theme.text}},
        "xaxis": axis(theme, type="date", anchor=f"y{len(panels) + 1}" if panels else "y"),
    }
    for at, title in enumerate(panels, start=2):
        top = bottom - ((at - 2) * (PANEL + GAP) + GAP) / high
        domain = {"domain": [max(0.0, top - PANEL / high), top], "rangemode": "tozero"}
        parts[f"yaxis{at}"] = axis(theme, title, nticks=4, fixedrange=True) | domain
    return layout(
        theme,
        showlegend=True,
        barmode="overlay",
        uniformtext={"minsize": 9, "mode": "hide"},
        **parts,
    )


def _labels(lanes: Sequence[Lane]) -> list[str]:
    several = len({lane.host for lane in lanes}) > 1
    labels = []
    for lane in lanes:
        slot = "no slot" if lane.slot is None else f"slot {lane.slot}"
        labels.append((f"{lane.host}, {slot}" if several else slot) if lane.first else "")
    return labels


def _caption(runs: Sequence[Run], jobs: Sequence[Job], started: int, unread: int) -> str:
    spans = [job.ended - job.started for job in jobs]
    whole = max(job.ended for job in jobs) - jobs[0].started
    parts = [
        f"A bar is a job in its slot (n = {len(jobs):,}): {format_duration(sum(spans))} of work in "
        f"{format_duration(whole)}, local time."
    ]
    if len(jobs) < started:
        parts.append(f"The last {len(jobs):,} of {started:,} that have started are shown.")
    queued = sum(run.state is State.QUEUED for run in runs)
    if queued:
        parts.append(f"{queued:,} {'is' if queued == 1 else 'are'} queued.")
    never = len(runs) - started - queued
    if never:
        parts.append(f"{count(never)} without a time of start.")
    if any(job.attempt > 1 for job in jobs):
        parts.append("Of a job that was started again the last attempt is shown.")
    if unread:
        parts.append(f"The use of {count(unread, 'job')} cannot be read.")
    return " ".join(parts)
