"""Whether one group is better than another: what is said, and what is not."""

import re

import numpy as np
import pytest

import exptools.viewing as xv
from exptools.rundir import State
from exptools.viewing.analysis.improvement_chart import improvement_chart
from tests.viewing.samples import numbers, write_run

OFFSET = {"x": 0.0, "y": 10.0, "z": 20.0}  # tasks, far apart


def tasks(tmp_path, gap=1.0, seeds=4, metric="acc", spread=0.3, names=OFFSET, **more):
    random = np.random.default_rng(0)
    jobs = [(a, task, seed) for a in ("new", "old") for task in names for seed in range(seeds)]
    for job, (a, task, seed) in enumerate(jobs):
        value = float(OFFSET[task] + gap * (a == "new") + spread * random.normal())
        config = {"a": a, "task": task, "seed": seed}
        write_run(tmp_path / "s" / str(job), config, {metric: [value]}, **more)
    return xv.load(tmp_path)


def compared(runs, metric="acc", **options):
    return runs.improvement(metric, of="a = 'new'", over="a = 'old'", **options)


def said(found):
    return " ".join([*found.sentences, *found.notes])


def test_what_is_better_is_said_with_its_interval_and_probability(tmp_path):
    found = compared(tasks(tmp_path))
    assert found.settled
    assert found.difference.low < 1 < found.difference.high
    assert said(found).startswith("a = 'new' is better than a = 'old', by ")
    assert "leaves zero out" in said(found)
    assert "The probability of improvement, that a run of a = 'new' is better than" in said(found)
    assert "p =" not in said(found)


def test_runs_are_compared_within_the_keys_that_vary_in_both(tmp_path):
    runs = tasks(tmp_path)
    found, mixed = compared(runs), compared(runs, strata=[])
    assert found.strata == ("task",)
    assert found.parts == 3
    assert "12 and 12 runs, compared where task is equal" in said(found)
    assert mixed.parts == 1
    assert not mixed.settled  # the tasks' own differences drown it
    assert mixed.difference.value == pytest.approx(found.difference.value)


def test_of_a_loss_the_lower_is_better(tmp_path):
    found = compared(tasks(tmp_path, gap=-1.0, metric="loss"), "loss")
    assert "is better than" in found.sentences[0]
    assert found.difference.value < 0
    assert found.probability.value > 0.9


@pytest.mark.parametrize("gap", [-1.0, -0.1, 0.1, 1.0])
def test_a_printed_difference_lies_in_its_printed_interval(tmp_path, gap):
    found = compared(tasks(tmp_path, gap=gap, metric="loss"), "loss")
    sentence = found.sentences[0]
    value, low, high = map(
        float,
        re.search(
            r"by (?:[\d.]+: the difference is )?(-?[\d.]+)[:,] .* (-?[\d.]+) to (-?[\d.]+) \(",
            sentence,
        ).groups(),
    )
    assert low <= value <= high
    assert (value, low, high) == pytest.approx(
        (found.difference.value, found.difference.low, found.difference.high), abs=0.01
    )


def test_where_it_is_not_known_what_is_better_it_is_higher_until_somebody_says(tmp_path):
    runs = tasks(tmp_path, metric="size")
    assert "is higher than" in compared(runs, "size").sentences[0]
    found = compared(runs, "size", better={"size": "min"})
    assert "is worse than" in found.sentences[0]
    assert found.probability.value < 0.1


def test_how_many_more_runs_would_settle_it_is_said_or_that_none_would(tmp_path):
    runs = tasks(tmp_path, gap=0.1, seeds=3, names=["x"])
    found = compared(runs)
    assert not found.settled
    assert "has zero in it, so it is not settled" in found.sentences[0]
    more = int(found.needed) - 3
    assert f"about {found.needed:.0f} runs of each, {more} more than now" in said(found)


def test_seeds_that_change_nothing_are_suspected(tmp_path):
    found = compared(tasks(tmp_path, gap=0, spread=0, names=["x"]))
    assert "does the seed reach them?" in said(found)


def test_a_difference_that_is_nothing_beside_the_spread_is_never_settled(tmp_path):
    for at, (a, value) in enumerate([("new", 1.001), ("new", 3), ("old", 1), ("old", 3)]):
        write_run(tmp_path / str(at), {"a": a, "seed": at % 2}, {"acc": [float(value)]})
    found = compared(xv.load(tmp_path))
    assert "may be better than a = 'old', by 0.0005:" in found.sentences[0]
    assert "At the spread seen more seeds will not settle it" in said(found)


def test_a_single_run_tells_nothing(tmp_path):
    found = compared(tasks(tmp_path, seeds=1, names=["x"]))
    assert "with a single run on a side nobody can tell" in found.sentences[0]
    assert "A second seed of each" in said(found)


def test_settings_that_were_run_once_each_are_not_split(tmp_path):
    found = compared(tasks(tmp_path, seeds=1))
    assert found.parts == 1
    assert "Several values of task are in both: their spread counts as noise." in found.notes


def test_as_many_keys_as_leave_several_runs_each_make_the_strata(tmp_path):
    random = np.random.default_rng(0)
    jobs = [(a, task, seed) for a in ("new", "old") for task in "xy" for seed in range(4)]
    for job, (a, task, seed) in enumerate(jobs):
        config = {"a": a, "odd": "pq"[job % 5 == 0], "task": task, "seed": seed}
        value = float(OFFSET[task] + (a == "new") + 0.2 * random.normal())
        write_run(tmp_path / "s" / str(job), config, {"acc": [value]})
    found = compared(xv.load(tmp_path))
    assert found.strata == ("task",)
    assert found.settled
    assert "Several values of odd are in both: their spread counts as noise." in found.notes


def test_runs_without_a_counterpart_are_left_out_and_counted(tmp_path):
    runs = tasks(tmp_path).where("not (a = 'new' and task = 'z')")
    found = compared(runs)
    assert (len(found.values[0]), len(found.values[1])) == (8, 8)
    assert "4 runs without a counterpart of the same task are left out." in found.notes


def test_of_a_key_that_one_side_varies_nothing_is_left_out_and_that_is_said(tmp_path):
    runs = tasks(tmp_path)
    found = runs.improvement("acc", of="a = 'new' and task = 'x'", over="a = 'old'")
    assert (len(found.values[0]), len(found.values[1]), found.strata) == (4, 12, ())
    assert "Only a = 'old' has several values of task: what these do is in the diff" in said(found)
    like = runs.improvement("acc", of="a = 'new' and task = 'x'", over="a = 'old'", strata=["task"])
    assert len(like.values[1]) == 4
    assert "several values of" not in said(like)


def test_what_else_they_differ_in_is_named(tmp_path):
    for at, (a, seed) in enumerate((a, seed) for a in ("new", "old") for seed in range(3)):
        config = {"a": a, "lr": 0.1 if a == "new" else 0.2, "seed": seed}
        write_run(tmp_path / str(at), config, {"acc": [at + seed / 7]})
    found = compared(xv.load(tmp_path))
    assert "They differ in a and lr: whichever of these it is" in said(found)


def test_failed_runs_and_those_without_a_number_are_told(tmp_path):
    runs = tasks(tmp_path, names=["x"], seeds=3)
    write_run(tmp_path / "s" / "9", {"a": "old", "task": "x", "seed": 8}, {"acc": [float("nan")]})
    write_run(
        tmp_path / "s" / "8", {"a": "old", "task": "x", "seed": 9}, {"acc": [1.0]}, State.FAILED
    )
    found = compared(runs.refresh())
    assert "1 run of 8 is without a finite last acc" in said(found)
    assert "1 failed" in said(found)
    assert "1 left out" in said(compared(runs.refresh(), states="finished")).replace("is ", "")


def test_many_runs_get_rliables_interval_and_few_get_one_that_holds(tmp_path):
    few, many = compared(tasks(tmp_path / "a")), compared(tasks(tmp_path / "b", seeds=12))
    assert (str(few.interval), str(many.interval)) == ("t:95", "ci:95")
    forced = compared(tasks(tmp_path / "a"), interval="ci:90")
    assert "too narrow; those of t:90 are not" in said(forced)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"of": "a = 'new'", "over": "a = 'new' or a = 'old'"}, "12 runs would be on both sides"),
        ({"of": "a = 'new'", "over": "task = 'q'"}, "there is no run such that task = 'q'"),
        ({"of": "a = 'new'", "over": "b = 'old'"}, "no run has a key 'b'"),
        ({"of": "a = 'new'", "over": "a = 'old'", "interval": "std"}, "there is no interval 'std'"),
        ({"of": "a = 'new'", "over": "a = 'old'", "strata": "a"}, "no run of one side has a count"),
        ({"of": "a = 'new'", "over": "a = 'old'", "better": {"q": "min"}}, "'q' is not asked for"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(tmp_path, options, sentence):
    with pytest.raises(xv.QueryError, match=sentence):
        tasks(tmp_path).improvement("acc", **options)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_numbers_of_any_size_are_compared(tmp_path, scale):
    random = np.random.default_rng(0)
    for at, (a, seed) in enumerate((a, seed) for a in ("new", "old") for seed in range(3)):
        value = float((2 * (a == "new") + 1 + 0.1 * random.normal()) * scale)
        write_run(tmp_path / str(at), {"a": a, "seed": seed}, {"acc": [value]})
    found = compared(xv.load(tmp_path))
    assert found.settled
    assert found.difference.value / scale == pytest.approx(2, abs=0.3)


def test_frame_and_figures_have_all_numbers(tmp_path):
    found = compared(tasks(tmp_path))
    (row,) = found.frame().iter_rows(named=True)
    assert (row["n_of"], row["n_over"], row["strata"]) == (12, 12, 3)
    assert row["difference"] == pytest.approx(row["mean_of"] - row["mean_over"])
    chart = improvement_chart(found)
    dots, others = chart.figure["data"][:2]
    np.testing.assert_allclose(numbers(dots["x"]), found.values[0], rtol=1e-6)
    assert others["customdata"] == [run.name for run in found.runs[1]]
    assert chart.headline == found.sentences[0]
    found.paper(out=tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text().startswith("<?xml")
    assert len(found.plot().data) == 4
    assert "is better than" in repr(found)
    assert ">mean of the means by task of last " in found._repr_html_()


def test_a_papers_figure_has_both_long_names_in_full(tmp_path):
    runs = tasks(tmp_path)
    both = [f"seed >= 0 and seed < 1000 and a = '{a}'" for a in ("new", "old")]
    drawn = runs.improvement("acc", of=both[0], over=both[1]).paper()
    names = [text.get_text() for text in drawn.axes[0].get_yticklabels()]
    assert [" ".join(name.split()) for name in names] == both


def test_a_name_that_turns_words_around_turns_none_of_the_sentence(tmp_path):
    for at, value in enumerate(["\u202eevil", "\u202eevil", "good", "good"]):
        write_run(tmp_path / str(at), {"a": value, "seed": at % 2}, {"acc": [float(at)]})
    found = xv.load(tmp_path).improvement("acc", of="a = '\u202eevil'", over="a = 'good'")
    assert "\u202e" not in said(found)


@pytest.mark.parametrize(
    ("largest", "named"), [(1e308, "the group lr=2"), (9e299, "the difference")]
)
def test_a_paper_says_which_numbers_cannot_be_drawn(tmp_path, largest, named):
    for run, value in enumerate([0.1, 0.2, 0.3, 0.4, 0.5, largest]):
        write_run(tmp_path / str(run), {"lr": 1 + run // 3}, {"acc": [value]})
    found = xv.load(tmp_path).improvement("acc", of="lr=1", over="lr=2")
    with pytest.raises(xv.QueryError, match=rf"^{named} has numbers beyond ±1e\+300, which cannot"):
        found.paper()
    with pytest.raises(xv.QueryError, match=named):
        found.paper(out=tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()
