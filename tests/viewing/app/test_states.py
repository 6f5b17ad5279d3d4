from dataclasses import replace

import pytest

from exptools.rundir import State, Status
from exptools.viewing.app.states import duration

RUNNING = Status(state=State.RUNNING, started=100.0)


@pytest.mark.parametrize(
    ("status", "seconds"),
    [
        (None, None),
        (Status(state=State.QUEUED), None),
        (RUNNING, 50.0),
        (replace(RUNNING, state=State.FAILED, ended=130.0), 30.0),
        (replace(RUNNING, state=State.KILLED), None),  # nobody wrote when
    ],
)
def test_a_job_lasts_from_its_start_to_its_end_or_now_while_it_runs(status, seconds):
    assert duration(status, 150.0) == seconds
