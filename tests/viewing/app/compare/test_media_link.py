"""From a point of a curve to the media of its step."""

import pytest

from exptools.viewing.app.compare.media_link import media_of_point
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.media_samples import write_wall
from tests.viewing.samples import indexed, write_sweep


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = write_sweep(tmp_path_factory.mktemp("runs") / "outputs")
    for job in (0, 3):
        write_wall(root / str(job))
    return Workspace(indexed(root))


def pointed(workspace, line, query="by=lr", x=12.2):
    view = resolve(View.from_query(query), workspace.facts()).to_data()
    return media_of_point(
        workspace, {"curve": [0, line], "x": x, "place": [1, 2], "view": view, "at": 0}
    )


def test_a_point_leads_to_its_step_of_its_runs(workspace):
    found = pointed(workspace, 0)
    assert (found["step"], found["runs"]) == (12, ["0", "1", "2"])
    assert found["text"] == "Media at step 12 of these 3 runs"
    alone = pointed(workspace, 3, "by=run.name", 1000)
    assert (alone["runs"], alone["text"]) == (["3"], "Media at step 1,000 of this run")


def test_there_is_no_way_where_no_run_has_media_or_x_is_no_step(workspace):
    assert pointed(workspace, 2) is None
    assert pointed(workspace, 0, "by=lr&x=relative_time") is None
    assert pointed(workspace, 0, "by=lr&log=x&nonpositive=symlog") is None
    assert pointed(workspace, 99) is None
    assert media_of_point(workspace, None) is None
