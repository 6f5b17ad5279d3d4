"""How much of the CPUs and GPUs some jobs used together, over the time of their timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exptools.rundir import State
from exptools.viewing.arrays import Floats
from exptools.viewing.charts.jobs import Job, local_ms
from exptools.viewing.figures.encoding import typed_array
from exptools.viewing.figures.theme import Theme, translucent
from exptools.viewing.run_files.usage import (
    StepFunction,
    Usage,
    as_steps,
    sum_in_bins,
    usage_of,
)

BINS = 300


def use_of(jobs: Sequence[Job], theme: Theme) -> tuple[list[tuple[dict[str, Any], str]], int]:
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
