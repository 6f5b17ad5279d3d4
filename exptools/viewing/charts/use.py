"""How much of the CPUs and GPUs some jobs used together, over the time of their timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exptools.rundir import State
from exptools.viewing.charts.jobs import Job, local_ms
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import Theme, translucent
from exptools.viewing.run_files.usage import Spell, Usage, read_usage, spell, together

Floats = NDArray[np.float64]

BINS = 300


def use_of(jobs: Sequence[Job], theme: Theme) -> tuple[list[tuple[dict[str, Any], str]], int]:
    """A trace and its title for the CPUs and for the GPUs, where anything was sampled."""
    samples: list[tuple[Job, Usage]] = []
    unread = 0
    for job in jobs:
        try:
            usage = read_usage(job.run.directory)
        except (OSError, ValueError):
            unread += 1
        else:
            samples += [(job, usage)] if usage is not None else []
    edges = np.linspace(jobs[0].started, max(job.ended for job in jobs), BINS + 1)
    if edges[-1] <= edges[0]:
        return [], unread
    cpus = _spells(samples, "cpu_percent")
    gpus = _spells(samples, "gpu_percent")
    found = []
    if cpus:
        found.append((_area(edges, together(cpus, edges)[0] / 100, theme, "y2"), "CPU cores"))
    if gpus:
        percent, running = together(gpus, edges)
        mean = np.divide(percent, running, out=np.zeros_like(percent), where=running > 1e-9)
        found.append((_area(edges, mean, theme, f"y{len(found) + 2}"), "GPU %"))
    return found, unread


def _spells(samples: Sequence[tuple[Job, Usage]], name: str) -> list[Spell]:
    found = (
        # Of one that runs nobody knows what it has used since its last sample.
        spell(usage.time, getattr(usage, name), job.started, _known_until(job, usage))
        for job, usage in samples
    )
    return [one for one in found if one is not None]


def _known_until(job: Job, usage: Usage) -> float:
    return float(usage.time[-1]) if job.state is State.RUNNING else job.ended


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
