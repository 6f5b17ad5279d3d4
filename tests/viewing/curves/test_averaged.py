"""Keys that are averaged, and which of them is the reason for a wide band."""

import exptools.viewing as xv
from exptools.viewing.app.compare.captions import caption
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.spread import spread
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.viewing.samples import csv_text, indexed, write_run


def write(root, value):
    """Two algorithms, four widths, and three seeds; ``value`` of the metric."""
    runs = [(a, w, s) for a in ("a", "b") for w in (1, 2, 3, 4) for s in range(3)]
    for job, (algo, width, seed) in enumerate(runs):
        config = {"algo": algo, "width": width, "seed": seed}
        write_run(root / str(job), config, csv_text({"acc": [0.0, value(algo, width, seed)]}))
    return root


def test_the_key_that_explains_the_spread_is_named_before_one_with_more_values(tmp_path):
    runs = xv.load(write(tmp_path, lambda algo, width, seed: 10 * (algo == "b") + 0.1 * seed))
    notes = runs.curves("acc", by=[]).notes
    assert notes == ("2 values of algo and 1 other key are averaged: group or filter by algo.",)
    assert runs.curves("acc", by="algo").notes == (
        "4 values of width are averaged: group or filter by width.",
    )


def test_where_none_explains_it_the_one_with_most_values_is_named(tmp_path):
    runs = xv.load(write(tmp_path, lambda algo, width, seed: float(seed)))
    assert runs.curves("acc", by=[]).notes[0].startswith("4 values of width and 1 other key are")


def test_where_no_band_is_drawn_it_is_said_all_the_same(tmp_path):
    runs = xv.load(write(tmp_path, lambda algo, width, seed: float(width)))
    said = ("4 values of width are averaged: group or filter by width.",)
    assert runs.curves("acc", by="algo", band="none").notes == said
    assert runs.results("acc", by="algo", band="none").notes == said


def test_seeds_what_is_grouped_by_and_single_runs_are_no_reason(tmp_path):
    runs = xv.load(write(tmp_path, lambda algo, width, seed: float(width)))
    assert runs.curves("acc", by=["algo", "width"]).notes == ()
    assert runs.curves("acc").notes == ()
    assert runs.curves("acc", by="algo", best=xv.Best("width")).notes == ()


def test_a_table_of_results_says_it_too(tmp_path):
    runs = xv.load(write(tmp_path, lambda algo, width, seed: float(width)))
    said = "4 values of width are averaged: group or filter by width."
    assert runs.results("acc", by="algo").notes == (said,)
    assert said in runs.results("acc", by="algo").latex()
    assert runs.results("acc", by="algo", facet="width").notes == ()
    assert runs.results("acc", by=["algo", "width"]).notes == runs.results("acc").notes == ()
    write_run(tmp_path / "x", {"algo": "a", "width": 1, "seed": 9, "other": 1}, {})
    write_run(tmp_path / "y", {"algo": "a", "width": 1, "seed": 9, "other": 2}, {})
    notes = xv.load(tmp_path).results("acc", by="algo").notes  # what has no number is not averaged
    assert notes[0] == said


def test_a_setting_of_which_each_run_has_its_own_value_is_named_too(tmp_path):
    for job, lr in enumerate((0.1, 0.01, 0.001)):
        write_run(tmp_path / str(job), {"lr": lr, "seed": 0, "dir": f"/{job}"}, {"acc": [lr]})
    runs = xv.load(tmp_path)
    said = "3 values of lr are averaged: group or filter by lr."
    assert runs.curves("acc", by=[]).notes == (said,)
    assert runs.results("acc", by=[]).notes == (said,)
    assert runs.curves("acc").notes == runs.results("acc", by="lr").notes == ()
    workspace = Workspace(indexed(tmp_path))
    view = resolve(View(metrics=("acc",), by=()), workspace.facts())
    content = drawing(workspace, view)
    assert spread(workspace, view, content).sentence == said
    assert "3 runs (3 values of lr averaged)" in caption(workspace.facts(), view, content)


def test_the_values_of_a_grid_are_named_where_each_line_has_each_of_them_once(tmp_path):
    runs = xv.load(write(tmp_path, lambda algo, width, seed: float(width)))
    said = "4 values of width are averaged: group or filter by width."
    assert runs.where("seed = 0").curves("acc", by="algo").notes == (said,)
    assert runs.curves("acc", by="algo", where="seed = 0").notes == (said,)
    assert runs.where("seed = 0 and algo = 'a'").results("acc", by=[]).notes == (said,)


def test_the_values_of_a_random_search_are_averaged_whether_seeds_vary_or_not(tmp_path):
    for job in range(12):
        config = {"lr": 0.1**job, "width": job % 2, "port": 9000 + job, "seed": job}
        write_run(tmp_path / str(job), config, {"acc": [float(job)]})
    runs = xv.load(tmp_path)
    said = "6 values of lr are averaged: group or filter by lr."
    assert runs.results("acc", by="width").notes == (said,)
    assert runs.curves("acc", by="width").notes == (said,)
    assert xv.load(tmp_path)[:2].settings == ("lr",)


def test_of_whole_numbers_beside_a_seed_those_that_were_swept_are_settings(tmp_path):
    for job in range(4):
        swept = (f"layers={job}", f"seed={job}")
        config = {"layers": job, "seed": job, "port": 9000 + job}
        write_run(tmp_path / str(job), config, {"acc": [float(job)]}, overrides=swept)
    runs = xv.load(tmp_path)
    assert runs.settings == ("layers",)
    assert runs.curves("acc", by=[]).notes[0].startswith("4 values of layers are averaged")


def test_the_page_names_it_with_the_key_to_group_by(tmp_path):
    workspace = Workspace(indexed(write(tmp_path, lambda algo, width, seed: float(width))))
    view = resolve(View(by=("algo",)), workspace.facts())
    content = drawing(workspace, view)
    wide = spread(workspace, view, content)
    assert (wide.key, wide.short) == ("width", "width")
    assert wide.sentence == "4 values of width are averaged: group or filter by width."
    assert "(3 seeds and 4 values of width averaged)" in caption(workspace.facts(), view, content)
    grouped = resolve(View(by=("algo", "width")), workspace.facts())
    assert spread(workspace, grouped, drawing(workspace, grouped)).sentence == ""


def test_runs_without_a_value_have_no_part_in_what_is_averaged(tmp_path):
    write(tmp_path, lambda algo, width, seed: float(width))
    write_run(
        tmp_path / "failed", {"algo": "a", "width": 99, "seed": 7}, csv_text({"other": [1.0]})
    )
    workspace = Workspace(indexed(tmp_path))
    view = resolve(View(metrics=("acc",), by=("algo",)), workspace.facts())
    content = drawing(workspace, view)
    assert spread(workspace, view, content).sentence.startswith("4 values of width are averaged")
    assert "(3 seeds and 4 values of width averaged)" in caption(workspace.facts(), view, content)


def test_on_the_page_the_sentence_above_the_chart_names_the_other_keys(tmp_path):
    workspace = Workspace(indexed(write(tmp_path, lambda algo, width, seed: float(width))))
    view = resolve(View(by=()), workspace.facts())
    content = drawing(workspace, view)
    wide = spread(workspace, view, content)
    assert wide.sentence == "4 values of width are averaged: group or filter by width."
