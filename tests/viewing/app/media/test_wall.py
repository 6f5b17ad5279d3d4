"""Which tiles the tab Media has, without a browser."""

import json

import pytest

from exptools.rundir import State
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.media import chosen, wall
from exptools.viewing.app.media.tab import WallQuestion, answer_wall
from exptools.viewing.app.media.wall import media_wall
from exptools.viewing.app.run.reading import MediaCache
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.media_samples import store_file, write_image, write_wall
from tests.viewing.samples import indexed, write_events, write_run

CURVE = {"loss": [2.0, 1.0]}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two rates with two seeds each; one seed failed early, one logged nothing but numbers."""
    root = tmp_path_factory.mktemp("runs") / "outputs"
    for job, (lr, seed) in enumerate(((0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1))):
        failed = job == 1
        state = State.FAILED if failed else State.COMPLETED
        run = write_run(root / "sweep" / str(job), {"lr": lr, "seed": seed}, CURVE, state)
        if job != 2:
            write_wall(run, (0, 10) if failed else (0, 10, 20))
    return root


def wall_of(root, query="by=lr"):
    workspace = Workspace(indexed(root))
    view = resolve(View.from_query(f"tab=media&{query}"), workspace.facts())
    return media_wall(workspace, MediaCache(workspace), view)


def test_a_column_is_a_run_a_row_a_tag_and_a_cell_has_its_steps(root):
    found = wall_of(root)
    assert [(one.label, one.name, one.state) for one in found.columns] == [
        *(("lr=0.1", "0", "finished"), ("lr=0.1", "1", "failed"), ("lr=0.2", "3", "finished")),
    ]
    assert [(row.kind, row.tag) for row in found.rows] == [
        *(("image", "samples/image"), ("histogram", "weights"), ("text", "notes")),
    ]
    assert [found.steps[place] for _, place in found.rows[0].cells] == [
        *((0, 10, 20), (0, 10), (0, 10, 20)),
    ]
    assert len(found.steps) == 4  # each list once
    assert found.sentence == "3 runs of 4."
    assert "1 run has logged no media." in found.notes


def test_of_each_group_the_first_run_that_has_media_stands_for_it(root):
    found = wall_of(root, "by=lr&media_columns=groups")
    assert [(one.label, one.name, one.of) for one in found.columns] == [
        *(("lr=0.1", "0", 2), ("lr=0.2", "3", 2)),
    ]
    assert found.one_a_group
    assert found.sentence == "One run of each of 2 groups: the first that has media."


def test_of_many_runs_one_a_group_is_shown_until_somebody_chooses(root, monkeypatch):
    assert not wall_of(root).one_a_group
    monkeypatch.setattr(wall, "MANY", 3)
    assert wall_of(root).one_a_group
    assert not wall_of(root, "by=lr&media_columns=runs").one_a_group
    assert not wall_of(root, "by=").one_a_group  # one group of all would be one run


def test_filter_selection_and_the_runs_that_count_rule_the_wall(root):
    filtered = wall_of(root, "where=lr+>+0.15")
    assert [one.name for one in filtered.columns] == ["3"]
    assert filtered.sentence == "1 run of 2, with lr > 0.15."
    selected = wall_of(root, "selected=sweep/0")
    assert [one.name for one in selected.columns] == ["0"]
    assert selected.sentence == "1 selected run."
    finished = wall_of(root, "states=finished&by=lr")
    assert [one.name for one in finished.columns] == ["0", "3"]
    assert any("failed" in note for note in finished.notes)


def test_where_there_is_nothing_a_sentence_says_why(root, tmp_path):
    assert wall_of(root, "where=lr+>+1").empty == "No run fulfils lr > 1."
    assert "did you mean 'lr'?" in wall_of(root, "where=lt+=+1").empty
    assert wall_of(tmp_path).empty.startswith("No runs here yet.")
    store_file(write_run(tmp_path / "0", {"lr": 1}, CURVE), "code", __file__, 3, 1.7e9)
    assert wall_of(tmp_path).empty.startswith("This run has logged no images, videos")


def test_more_than_can_be_shown_is_not_read_and_said(root, monkeypatch):
    monkeypatch.setattr(chosen, "MOST_READ", 10)
    found = wall_of(root)
    assert len(found.columns) == 1
    assert "2 runs more would be too many at once" in " ".join(found.notes)
    monkeypatch.undo()
    monkeypatch.setattr(chosen, "MOST_COLUMNS", 2)
    assert "1 run more would be too many at once" in " ".join(wall_of(root).notes)


def test_of_too_many_tags_each_kind_has_some_and_a_search_brings_the_others(tmp_path, monkeypatch):
    run = write_run(tmp_path / "0", {"lr": 1}, CURVE)
    write_wall(run)
    for number in range(4):
        write_image(run, f"more/{number}", 0)
    monkeypatch.setattr(wall, "MOST_ROWS", 2)
    found = wall_of(tmp_path)
    assert [row.tag for row in found.rows] == ["more/0", "more/1", "weights", "notes"]
    assert found.is_cut
    assert "4 of 7 tags are here: a part of a tag's name brings others." in found.notes
    assert "samples/image" in [row.tag for row in wall_of(tmp_path, "media_search=IMAGE").rows]


def test_an_index_that_cannot_be_read_takes_no_other_with_it(tmp_path):
    for job in range(2):
        write_wall(write_run(tmp_path / str(job), {"lr": job}, CURVE))
    index = tmp_path / "0" / "media" / "index.jsonl"
    index.unlink()
    index.symlink_to("/etc/passwd")
    with (tmp_path / "1" / "media" / "index.jsonl").open("a") as file:
        file.write("{}\n[1]\n")
    found = wall_of(tmp_path)
    assert [one.run for one in found.columns] == ["1"]
    notes = " ".join(found.notes)
    assert "0: 'media/index.jsonl' is not for the browser" in notes
    assert "2 lines of the runs' media/index.jsonl cannot be read." in notes


def test_runs_of_another_logger_with_event_files_are_told_of(tmp_path):
    write_events(tmp_path / "0", {"loss": [1.0]})
    found = wall_of(tmp_path)
    assert found.empty.startswith("This run has logged no images")
    assert "Of 1 run that another logger wrote there are event files" in found.notes[0]


def test_what_the_page_has_is_not_sent_again_until_more_is_logged(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, CURVE, State.RUNNING)
    write_wall(run)
    workspace = Workspace(indexed(tmp_path))
    cache = MediaCache(workspace)

    def ask(have):
        return json.loads(answer_wall(workspace, cache, WallQuestion("", have)))

    first = ask("")
    assert first["columns"][0]["live"] is True
    assert ask(first["digest"]) == {"digest": first["digest"]}
    write_image(run, "samples/image", 30)
    later = ask(first["digest"])
    assert later["steps"][later["rows"][0]["cells"][0][1]] == [0, 10, 20, 30]
    assert later["columns"][0]["version"] != first["columns"][0]["version"]
