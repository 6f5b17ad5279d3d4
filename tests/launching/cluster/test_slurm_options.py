"""What is given as ``hydra.launcher.*`` of exptools_slurm: put into sbatch's words, or refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exptools.launching.cluster.elements import minutes
from exptools.launching.cluster.plan import divide
from exptools.launching.jobs.outcomes import Job
from hydra_plugins.exptools_launcher._options import LaunchError
from hydra_plugins.exptools_launcher._slurm._options import validate_slurm_options


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"partitoin": "a"}, "partitoin is no option of the exptools_slurm launcher; did you mean"),
        ({"nodes": 0}, "nodes is 0; it should be a whole number, 1 or more"),
        ({"nodes": 2, "jobs_per_allocation": 3}, "jobs_per_allocation=3 does so, too: leave one"),
        ({"time": "soon"}, "time is 'soon'; it should be minutes, or a time such as 90:00"),
        ({"time": 0}, "time is 0; it should be minutes"),
        ({"time": 1}, "signal_ahead=90 s leaves nothing of hydra.launcher.time=1 min"),
        ({"grace": 100}, "grace=100 s does not fit into hydra.launcher.signal_ahead=90 s"),
        ({"gpus": [0]}, "gpus divides a machine of your own; on a cluster Slurm chooses"),
        ({"affinity": "4cpu"}, "affinity divides a machine of your own"),
        ({"setup": [1]}, "setup is [1]; it should be a list of shell commands"),
        ({"sbatch": "x"}, "sbatch is 'x'; it should be options of sbatch with their values"),
        ({"on_interrupt": "no"}, "on_interrupt is 'no'; it should be leave or cancel"),
        ({"submit": "maybe"}, "submit is 'maybe'; it should be true or false"),
        ({"jobs": 0}, "jobs is 0; it should be 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused_in_our_words(given: dict[str, object], told: str) -> None:
    with pytest.raises(LaunchError, match=re.escape(told)):
        validate_slurm_options(given)


def test_an_allocation_has_room_for_the_jobs_that_run_at_once() -> None:
    options = validate_slurm_options(
        {"jobs": 3, "cpus_per_job": 2, "gpus_per_job": 0.5, "time": "1-0", "sbatch": {"--x": "y"}}
    )
    assert options.cluster is not None
    given = options.cluster.allocation.parameters(options.request, jobs=3)
    assert (given["cpus_per_task"], given["gpus_per_node"], given["time"]) == (6, 2, 1440)
    assert given["additional_parameters"] == {"x": "y"}


@pytest.mark.parametrize(
    ("text", "count"),
    [(90, 90), ("90", 90), ("1:30", 2), ("36:00:00", 2160), ("1-12", 2160), ("0-0:1:1", 2)],
)
def test_time_limits_are_read_as_slurm_reads_them(text: object, count: int) -> None:
    assert minutes(text) == count  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("jobs", "size", "sizes"), [(7, 3, [2, 2, 3]), (6, 3, [3, 3]), (1, 9, [1])]
)
def test_chunks_are_as_even_as_they_can_be(
    jobs: int, size: int, sizes: list[int], tmp_path
) -> None:
    made = divide([Job(number, (), Path(), b"") for number in range(jobs)], size)
    assert [len(part) for part in made] == sizes
    assert [job.number for part in made for job in part] == list(range(jobs))
