"""Names and errors of others, as every part of the viewer gets them: they steer no screen."""

import json

import pytest

from exptools.rundir import STATUS_FILE, State
from exptools.viewing.app.table.rows import cut
from exptools.viewing.configs.tree import leaves
from exptools.viewing.run_files.logs import plain
from tests.viewing.samples import csv_text, indexed, write_events, write_run, write_summary

ODD = "a\u202eb\x1b[2Jc"
SHOWN = r"a\u202eb\x1b[2Jc"


@pytest.fixture
def index(tmp_path):
    """One run of which everything that has a name is called so."""
    run = write_run(
        *(tmp_path / "sweep" / ODD, {ODD: {"value": ODD}}, csv_text({ODD: [1.0, 2.0]})),
        state=State.FAILED,
        error=ODD,
    )
    write_summary(run, **{ODD: 1.0})
    status = json.loads((run / STATUS_FILE).read_text()) | {"host": ODD}
    (run / STATUS_FILE).write_text(json.dumps(status))
    return indexed(tmp_path)


def test_a_run_its_metrics_keys_and_status_are_called_what_one_can_see(index):
    (run,) = index.snapshot.runs
    assert run.name == f"sweep/{SHOWN}"
    assert [*index.runs_by_tag([run])] == [SHOWN]
    assert [*index.columns([run], [SHOWN])[run.name][SHOWN]] == [1.0, 2.0]
    assert index.last([run], SHOWN) == [2.0]
    assert [*run.config] == [f"{SHOWN}.value"]
    assert [*run.summary] == [SHOWN]
    assert (run.status.host, run.status.error) == (SHOWN, SHOWN)


def test_values_stay_what_they_are_and_are_shown_as_one_can_see(index):
    (run,) = index.snapshot.runs
    assert run.config[f"{SHOWN}.value"] == ODD
    assert [leaf.text for leaf in leaves(run.config)] == [SHOWN]
    assert cut(ODD) == SHOWN


def test_of_a_log_the_codes_are_left_out_and_the_marks_are_shown():
    assert plain(f"{ODD}\x07\n\tnext".encode()) == "a\\u202ebc\n\tnext"


def test_event_files_have_such_names_too(tmp_path):
    write_events(tmp_path / "0", {ODD: [1.0]})
    index = indexed(tmp_path)
    assert [*index.runs_by_tag(index.snapshot.runs)] == [SHOWN]
