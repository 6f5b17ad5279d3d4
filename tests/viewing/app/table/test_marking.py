"""What is done to ticked runs at once, and the table's columns of differences and own names."""

import math

import numpy as np
import pytest
from scipy import stats

from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.downloads import as_python
from exptools.viewing.app.facts import counted_runs, resolve
from exptools.viewing.app.page import update_header
from exptools.viewing.app.table.differences import rows_with_differences
from exptools.viewing.app.table.grid import keep_notes, reset_names
from exptools.viewing.app.table.marking import hide, listed, tag, unhide
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.run_files.group_names import GroupNames, OwnName, group_id
from exptools.viewing.run_files.user_marks import Mark, UserMarks
from tests.viewing.samples import SEEDS, curve, indexed, write_sweep


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_sweep(tmp_path_factory.mktemp("runs") / "outputs")


@pytest.fixture
def workspace(root, tmp_path):
    names = GroupNames(root, tmp_path / "names")
    return Workspace(indexed(root), UserMarks(tmp_path / "marks"), names)


def chosen(workspace, **fields):
    return resolve(View(**fields), workspace.facts())


def test_hidden_runs_are_in_nothing_and_their_number_is_everywhere(workspace, tmp_path):
    before = workspace.index.snapshot.version
    version, _, _ = hide(workspace, 1, {"selected": ["0", "4"]})
    assert version > before
    facts = workspace.facts()
    assert [run.name for run in facts.runs] == ["1", "2", "3", "5", "6", "7", "8"]
    runs, sentences = counted_runs(workspace.index, facts, View())
    assert len(runs) == 7
    assert "2 runs are hidden: they are in no number here." in sentences
    content = drawing(workspace, chosen(workspace))
    assert {len(group.runs) for group in content.panels[0].groups} == {2, 3}
    assert "2 runs are hidden: they are in no number here." in content.caveats
    *_, said, is_none = update_header(workspace, 0, "")
    assert (said, is_none) == ("2 hidden", False)
    made = {}
    exec(as_python(workspace, None).partition("curves =")[0], made)
    assert [run.name for run in made["runs"]] == [run.name for run in facts.runs]
    again = Workspace(indexed(*workspace.index.roots), UserMarks(tmp_path / "marks"))
    assert again.facts().hidden == ("0", "4")


def test_where_all_runs_are_hidden_the_page_says_so(workspace):
    hide(workspace, 1, {"selected": [str(at) for at in range(9)]})
    said = drawing(workspace, chosen(workspace)).empty
    assert said.startswith("All 9 runs are hidden.")


def test_hidden_runs_come_back_one_by_one_or_all_and_other_servers_follow(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setattr("exptools.viewing.app.workspace.FIRST_PAUSE", 0.0)
    other = Workspace(indexed(*workspace.index.roots), UserMarks(tmp_path / "marks"))
    hide(workspace, 1, {"selected": ["0", "4", "8"]})
    version = other.index.snapshot.version
    assert other.look() > version
    assert len(other.facts().runs) == 6
    assert len(listed(workspace)[1].children) == 3
    assert unhide(workspace, "4")[2] is True
    assert workspace.facts().hidden == ("0", "8")
    assert unhide(workspace, "")[2] is False
    assert len(workspace.facts().runs) == 9
    assert list((tmp_path / "marks").iterdir()) == []


def test_ticked_runs_get_tags_together_which_a_filter_knows(workspace):
    data = {"selected": ["1", "2"]}
    tag(workspace, "tag-add", "baseline,  for the  paper ,", data)
    tag(workspace, "tag-remove", "baseline", {"selected": ["2"]})
    marks = workspace.marks.of(workspace.facts().runs)
    assert {name: mark.tags for name, mark in marks.items()} == {
        "1": ("baseline", "for the paper"),
        "2": ("for the paper",),
    }
    found = workspace.facts().select(workspace.index, "run.tags like '%baseline%'")
    assert [run.name for run in found] == ["1"]
    assert tag(workspace, "tag-add", " , ", data)[1].startswith("Type a tag first")
    assert "a tag of 99 characters is too long" in tag(workspace, "tag-add", "x" * 99, data)[1]
    keep_notes(workspace, workspace.marks, [{"rowId": "1", "colId": "tags", "value": "a, b"}])
    assert workspace.marks.of(workspace.facts().runs)["1"].tags == ("a", "b")


def test_a_mark_of_an_older_version_and_one_of_hostile_hands_do_no_harm(workspace, tmp_path):
    run = workspace.facts().runs[0]
    workspace.marks.set(run, star=True)
    (file,) = (tmp_path / "marks").iterdir()
    text = file.read_text()
    file.write_text(text.replace(', "tags": [], "hidden": false', ""))
    assert workspace.marks.of([run])[run.name] == Mark(star=True)
    for bad in ("[]", "5", text.replace("[]", "7"), '{"run": 1}'):
        file.write_text(bad)
        assert workspace.marks.of([run]) == {}


def row_of(rows, name):
    return next(row for row in rows if row["id"] == name)


def last(lr):
    return np.array([curve(lr, seed, 29) for seed in SEEDS])


def test_a_group_has_its_difference_with_the_interval_of_its_pairs(workspace):
    view = chosen(workspace, rows="groups", baseline="lr=0.01")
    rows = rows_with_differences(workspace, view)
    field = "difference value last test/accuracy"
    row = row_of(rows, "0.1")
    assert row[field] == pytest.approx((last(0.1) - last(0.01)).mean())
    reach = stats.t.ppf(0.975, 2) * stats.sem(last(0.1) - last(0.01))
    assert row[f"low {field}"] == pytest.approx(row[field] - reach)
    assert row[f"high {field}"] == pytest.approx(row[field] + reach)
    assert row_of(rows, "0.01")["baseline"]


def test_a_run_has_its_difference_to_its_partner_absolute_or_in_percent(workspace):
    field = "difference value last test/accuracy"
    rows = rows_with_differences(workspace, chosen(workspace, baseline="lr=0.01"))
    assert row_of(rows, "7")[field] == pytest.approx(last(0.1)[1] - last(0.01)[1])
    assert row_of(rows, "3")["baseline"]
    view = chosen(workspace, baseline="3", difference="percent")
    row = row_of(rows_with_differences(workspace, view), "7")
    assert row[field] == pytest.approx(100 * (last(0.1)[1] / last(0.01)[0] - 1))
    gone = chosen(workspace, baseline="lr=0.01", where="lr > 0.05")
    assert {row[field] for row in rows_with_differences(workspace, gone)} == {None}
    assert not math.isnan(row[field])


def test_a_groups_own_name_and_colour_are_written_into_the_table(workspace):
    group = group_id(("optim.lr",), (0.01,))

    def write(column, value):
        change = {"rowId": "0.01", "colId": column, "value": value, "data": {"group": group}}
        return keep_notes(workspace, workspace.marks, [change])[1]

    write("label", "ours")
    write("color", "#8800CC")
    assert workspace.group_names() == {group: OwnName("ours", "#8800cc")}
    assert write("color", "javascript:alert(1)").startswith("A colour is written as '#d9580a'")
    write("label", "")
    assert workspace.group_names() == {group: OwnName("", "#8800cc")}
    reset_names(workspace, 1)
    assert workspace.group_names() == {}


def test_a_name_that_hostile_hands_have_written_is_none(workspace, tmp_path):
    workspace.names.keep("a", color="#00aa00")
    (file,) = (tmp_path / "names").rglob("*.json")
    text = file.read_text()
    for bad in ("[]", "{", text.replace("#00aa00", 'red\\"/><script>'), text.replace('""', "5")):
        file.write_text(bad)
        assert workspace.group_names() == {}


def test_the_name_of_a_group_with_a_hidden_value_lasts_for_a_session(tmp_path):
    # Which secret has which number depends on what a process has met first.
    for value in ("hidden 1", "https://hidden api_key 1@host"):
        group = group_id(("api_key",), (value,))
        names = GroupNames(tmp_path / "outputs", tmp_path / "names")
        names.keep(group, label="ours")
        names.keep(group, color="#8800cc")
        assert names.all() == {group: OwnName("ours", "#8800cc")}
        assert GroupNames(tmp_path / "outputs", tmp_path / "names").all() == {}
        names.keep(group, label="")
        names.keep(group, color="")
        assert names.all() == {}
    names.keep(group, label="ours")
    names.reset()
    assert names.all() == {}


def test_names_hold_below_the_directory_that_they_were_given_for(tmp_path):
    data = tmp_path / "data"
    GroupNames(tmp_path / "outputs", data).keep("a", label="ours")
    GroupNames(tmp_path / "outputs" / "sweep", data).keep("a", color="#000000")
    assert GroupNames(tmp_path / "outputs" / "sweep" / "x", data).all() == {
        "a": OwnName("ours", "#000000")
    }
    assert GroupNames(tmp_path / "outputs", data).all() == {"a": OwnName("ours")}
    assert GroupNames(tmp_path / "others", data).all() == {}
