"""Which setting mattered, where the truth is known: `a` does, `b` does not."""

import re
from dataclasses import replace

import numpy as np
import pytest

import exptools.viewing as xv
from exptools.rundir import State
from exptools.viewing.analysis import factors
from exptools.viewing.analysis.importance import COMBINATIONS, MOST_KEYS
from exptools.viewing.analysis.importance_chart import importance_chart
from exptools.viewing.analysis.notes import without_value
from exptools.viewing.charts.quantities import Measure
from exptools.viewing.groups.grouping import config_key, find_keys
from exptools.viewing.run import Run
from tests.viewing.samples import numbers, write_run

EFFECT = {1: 0.0, 2: 0.1, 3: 0.06}
SEEDS = range(3)


def nothing_more(a, b, seed):
    return {}


def finished(a):
    return State.COMPLETED


def grid(tmp_path, more=nothing_more, value=None, state=finished):
    """Three values of a, two of b, three seeds; `more` adds keys that may say what these do."""
    random = np.random.default_rng(0)
    jobs = [(a, b, seed) for a in EFFECT for b in "xy" for seed in SEEDS]
    for job, (a, b, seed) in enumerate(jobs):
        acc = float(EFFECT[a] + 0.02 * random.normal()) if value is None else value(a, b, seed)
        config = {"a": a, "b": b, "seed": seed, **more(a, b, seed)}
        write_run(tmp_path / "s" / str(job), config, {"acc": [0.0, acc]}, state(a))
    return xv.load(tmp_path)


def search(tmp_path):
    """Random search: of `lr`, which matters, and of `wd` each run has its own value."""
    random = np.random.default_rng(1)
    for run in range(32):
        lr, wd = (float(10 ** random.uniform(-5, -1)) for _ in range(2))
        loss = float((np.log10(lr) + 3) ** 2 + 0.2 * random.normal())
        write_run(tmp_path / "s" / str(run), {"lr": lr, "wd": wd, "seed": run}, {"loss": [loss]})
    return xv.load(tmp_path)


def by_key(found):
    return {effect.label: effect for effect in found.effects}


def said(found):
    return " ".join(found.notes)


def test_the_key_that_matters_comes_first_and_the_other_explains_nothing(tmp_path):
    found = grid(tmp_path).importance("acc")
    assert found.effects[0].label == "a"
    of = by_key(found)
    assert of["a"].low > 0.5
    assert (of["b"].low, of["b"].high < 0.2) == (0, True)
    assert set(of) == {"a", "b", "combinations of keys", "seeds"}  # seeds are no setting
    assert found.headline.startswith("a explains ")
    assert found.headline.endswith("no other key clearly matters.")


def test_keys_that_vary_together_are_one_and_named(tmp_path):
    found = grid(tmp_path, lambda a, b, seed: {"width": 2**a}).importance("acc")
    assert found.effects[0].label == "a = width"
    assert "a and width vary together: one cannot be told from the other." in found.notes


def test_what_a_choice_of_a_group_brings_along_is_not_in_its_label():
    keys = tuple(map(config_key, ("optim", "optim.name", "model/part", "model.part.width", "lr")))
    assert factors.Factor(keys, np.zeros(1, int), 1).label == "optim = model/part = lr"


def test_a_key_that_follows_from_another_counts_for_that(tmp_path):
    found = grid(tmp_path, lambda a, b, seed: {"large": a > 1}).importance("acc")
    assert "large" not in by_key(found)
    assert "a decides large: what large does counts for a." in found.notes


def test_a_name_made_of_other_keys_takes_nothing_from_them(tmp_path):
    found = grid(tmp_path, lambda a, b, seed: {"tag": f"a{a}{b}"}).importance("acc")
    assert by_key(found)["a"].low > 0.5
    assert "only names what other keys are: tag" in said(found)


def test_keys_that_overlap_are_named_with_what_either_explains(tmp_path):
    more = lambda a, b, seed: {"c": a if (seed, b) != (0, "x") else 1}  # noqa: E731
    found = grid(tmp_path, more).importance("acc")
    assert "a and c overlap (Cramér's V 0." in said(found)
    assert by_key(found)["c"].share < 0.1 < by_key(found)["c"].alone


def test_what_a_run_that_diverged_leaves_unclear_is_no_overlap(tmp_path):
    lost = (1, "x", 0)
    value = lambda a, b, seed: np.nan if (a, b, seed) == lost else a + (b == "x") + seed / 10  # noqa: E731
    of = by_key(grid(tmp_path, value=value).importance("acc"))
    assert of["unequal numbers of runs"].share > 0.02
    assert "keys that overlap" not in of


def test_a_setting_that_goes_with_the_seed_is_not_told_from_it(tmp_path):
    for job, (a, b) in enumerate((a, b) for a in EFFECT for b in "wxyz"):
        write_run(tmp_path / "s" / str(job), {"a": a, "b": b, "seed": a}, {"acc": [a + job / 50]})
    found = xv.load(tmp_path).importance("acc")
    assert "a and seed vary together: it may be the seed." in found.notes


def test_numbers_of_which_each_run_has_its_own_are_taken_in_ranges(tmp_path):
    found = search(tmp_path).importance("loss")
    assert found.effects[0].label == "lr"
    assert found.effects[0].low > 0.3
    assert found.effects[0].values == 32
    assert "lr and wd: nearly each run has its own value" in said(found)
    assert "a second seed of each setting would" in said(found)


def test_what_is_another_text_in_each_run_is_left_out_and_said(tmp_path):
    found = grid(tmp_path, lambda a, b, seed: {"dir": f"/x/{a}{b}{seed}"}).importance("acc")
    assert "dir" not in by_key(found)
    assert "Left out, because nearly each run has its own value: dir." in found.notes


def test_runs_without_a_number_are_counted_with_the_setting_that_they_share(tmp_path):
    value = lambda a, b, seed: float("nan") if a == 3 else float(a + seed / 9)  # noqa: E731
    found = grid(tmp_path, value=value).importance("acc")
    assert found.runs == 12
    assert "6 runs of 18 are without a finite last acc, all with a=3" in said(found)


def test_all_settings_that_runs_without_a_number_share_are_named(tmp_path):
    lost = lambda a, b, seed: a == 3 and b == "x"  # noqa: E731
    value = lambda a, b, seed: float("nan") if lost(a, b, seed) else float(a + seed)  # noqa: E731
    found = grid(tmp_path, value=value).importance("acc")
    assert "3 runs of 18 are without a finite last acc, all with a=3 and b=x: what" in said(found)


def test_of_settings_that_runs_without_a_number_share_none_is_named_that_a_choice_brings_along():
    jobs = [{"a": a, "a.name": f"o{a}", "a.lr": lr} for a in (1, 2) for lr in (0.1, 0.2)] * 2
    runs = [Run(None, str(job), None, config, None, None) for job, config in enumerate(jobs)]
    there = [run for run in runs if (run.config["a"], run.config["a.lr"]) != (2, 0.2)]
    (note,) = without_value(runs, there, find_keys(runs, list(jobs[0])), Measure("acc"))
    assert "all with a=2 and lr=0.2: what" in note


def test_runs_that_are_still_to_come_are_no_missing_ones(tmp_path):
    runs = grid(tmp_path)
    write_run(tmp_path / "s" / "99", {"a": 1, "b": "x", "seed": 9}, None, State.QUEUED)
    assert "1 run of 19 has no last acc yet." in said(runs.refresh().importance("acc"))


def test_runs_that_failed_are_told_and_left_out_on_request(tmp_path):
    runs = grid(tmp_path, state=lambda a: State.FAILED if a == 3 else State.COMPLETED)
    assert "Of the 18 runs 6 failed." in said(runs.importance("acc"))
    assert runs.importance("acc", states="finished").runs == 12


def test_the_keys_can_be_chosen_and_the_rest_is_then_not_only_seeds(tmp_path):
    found = grid(tmp_path).importance("acc", "b")
    assert set(by_key(found)) == {"b", "other keys"}
    assert found.headline == "b does not clearly explain how far runs differ."


def test_of_keys_that_were_asked_for_nothing_is_said_of_others(tmp_path):
    runs = grid(tmp_path)
    alone = runs.importance("acc", keys=["a"]).headline
    assert alone.endswith(") of how far runs differ.")
    nothing = runs.importance("acc", keys=["b"]).headline
    assert nothing == "b does not clearly explain how far runs differ."
    both = runs.importance("acc", keys=["a", "b"]).headline
    assert both.endswith("; no other key that was asked for clearly matters.")


def test_what_only_two_keys_together_do_is_said(tmp_path):
    value = lambda a, b, seed: float((a == 2) == (b == "x")) + seed / 50  # noqa: E731
    found = grid(tmp_path, value=value).where("a < 3").importance("acc")
    assert found.headline.startswith("No key by itself clearly explains how far runs differ;")


def test_one_run_that_diverged_does_not_make_the_others_look_equal(tmp_path):
    is_far = lambda a, b, seed: (a, b, seed) == (3, "y", 0)  # noqa: E731
    value = lambda *job: 2e12 if is_far(*job) else float(job[2])  # noqa: E731
    found = grid(tmp_path, lambda *job: {"far": is_far(*job)}, value).importance("acc")
    assert "does the seed reach them?" not in said(found)


def test_what_keys_do_together_is_said_beside_what_one_does_by_itself(tmp_path):
    together = lambda a, b: float((a == 2) == (b == "x"))  # noqa: E731
    value = lambda a, b, seed: together(a, b) + 0.5 * (a == 1) + seed / 50  # noqa: E731
    headline = grid(tmp_path / "two", value=value).importance("acc").headline
    assert headline.startswith("a explains ")
    assert re.search(r", b \d+ % and combinations of keys \d+ %\.$", headline)
    value = lambda a, b, seed: (a == 2) * (b == "x") + 2 * (a == 1) + seed / 3  # noqa: E731
    one = grid(tmp_path / "one", value=value).importance("acc")
    a_key, *others = one.effects
    combined = [replace(of, share=0.4, low=0.3) for of in others if of.kind == COMBINATIONS]
    headline = replace(one, effects=(a_key, *combined)).headline
    said = ", combinations of keys 40 %; no other key clearly matters by itself."
    assert headline.endswith(said)
    small = replace(a_key, label="small", share=0.03, low=0.02)
    headline = replace(one, effects=(a_key, small)).headline
    assert headline.endswith(" of how far runs differ; no other key explains more than 3 %.")


def test_seeds_that_change_nothing_are_suspected(tmp_path):
    found = grid(tmp_path, value=lambda a, b, seed: float(a)).importance("acc")
    assert "does the seed reach them?" in said(found)


def test_missing_combinations_are_counted(tmp_path):
    found = grid(tmp_path).where("not (a = 1 and b = 'x')").importance("acc")
    assert "1 of 6 combinations of values has no run." in found.notes


def test_of_very_many_keys_those_that_explain_most_by_themselves_count(tmp_path):
    random = np.random.default_rng(2)
    for run in range(60):
        config = {f"k{at}": int(random.integers(2)) for at in range(MOST_KEYS + 2)}
        acc = float(config["k7"] + 0.1 * random.normal())
        write_run(tmp_path / "s" / str(run), config, {"acc": [acc]})
    found = xv.load(tmp_path).importance("acc")
    assert found.effects[0].label == "k7"
    assert "2 keys are left out that explain less by themselves" in said(found)
    assert "one or more may seem to matter" in said(found)


def test_of_more_keys_than_can_be_compared_the_most_telling_are(tmp_path, monkeypatch):
    random = np.random.default_rng(2)
    most = factors.MOST_COMPARED
    for run in range(12):
        config = {f"k{at}": int(random.integers(4)) for at in range(2 * most)}
        write_run(tmp_path / "s" / str(run), config, {"acc": [float(config["k7"])]})
    pairs = []
    follows = factors.follows
    monkeypatch.setattr(factors, "follows", lambda *pair: pairs.append(pair) or follows(*pair))
    found = xv.load(tmp_path).importance("acc")
    assert found.effects[0].label == "k7"
    assert f"{2 * most - MOST_KEYS} keys are left out" in said(found)
    assert len(pairs) < most**2 / 2


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("a = 1 and b = 'x'", "3 runs have"),
        ("a = 1 and b = 'x' or a = 2 and b = 'x' and seed = 0", None),
        ("b = 'x' and seed = 0", "3 runs have"),
    ],
)
def test_too_few_runs_are_refused_in_a_sentence(tmp_path, condition, sentence):
    runs = grid(tmp_path).where(condition)
    if sentence is None:
        assert runs.importance("acc").effects
        return
    with pytest.raises(xv.QueryError, match=f"of 4 runs or more .* here {sentence}"):
        runs.importance("acc")


def test_what_cannot_be_asked_is_refused_in_a_sentence(tmp_path):
    runs = grid(tmp_path, value=lambda a, b, seed: 1.0)
    with pytest.raises(xv.QueryError, match="all runs have the same last acc"):
        runs.importance("acc")
    with pytest.raises(xv.QueryError, match="did you mean 'acc'"):
        runs.importance("ac")
    with pytest.raises(xv.QueryError, match="no key but the seed"):
        runs.where("a = 1 and b = 'x' or a = 1 and b = 'y'").importance("acc", [])


@pytest.mark.parametrize("size", ["column", "text"])
@pytest.mark.parametrize("metric", ["acc", "validation/a_rather_long_name_of_a_metric_of_a_task"])
def test_what_a_papers_figure_is_of_stands_below_it_in_full(tmp_path, size, metric):
    for lr in (1, 2):
        for seed in (0, 1, 2):
            config = {"lr": lr, "seed": seed}
            write_run(tmp_path / f"{lr}-{seed}", config, {metric: [0.0, lr + 0.1 * seed]})
    runs = xv.load(tmp_path)
    found = runs.importance(metric, summary="mean:20")
    both = runs.improvement(metric, of="lr = 2", over="lr = 1", summary="mean:20")
    assert any(s.startswith("The average mean of the last 20 ") for s in both.sentences)
    for drawn in (found.paper(size=size), both.paper(size=size)):
        label = drawn.axes[0].xaxis.label
        assert label.get_text().replace("\n", " ").endswith(found.words)
        drawn.draw_without_rendering()
        place = label.get_window_extent()
        assert place.x0 >= 0
        assert place.x1 <= drawn.bbox.x1


def test_frame_and_figures_have_all_numbers(tmp_path):
    found = grid(tmp_path, lambda a, b, seed: {"c$_^<b>": a if seed else 1}).importance("acc")
    frame = found.frame()
    assert frame.columns == ["key", "kind", "share", "low", "high", "alone", "values"]
    chart = importance_chart(found)
    bars = chart.figure["data"][-1]
    shares = frame["share"].fill_nan(0).to_numpy()
    np.testing.assert_allclose(numbers(bars["x"]), 100 * shares, rtol=1e-6)
    assert "c$_^&lt;b&gt;" in chart.figure["layout"]["yaxis"]["ticktext"]
    drawn = found.paper(size="text", out=tmp_path / "figure.pdf")
    outlines = [bar.get_width() for bar in drawn.axes[0].patches if bar.get_facecolor()[3] == 0]
    assert all(
        not width or width > share for width, share in zip(outlines, 100 * shares, strict=False)
    )
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert len(found.plot().data) == 2
    assert "explains" in repr(found)
    assert "&lt;b&gt;" in found._repr_html_()


def test_a_key_is_called_so_that_it_is_found_among_all_runs(tmp_path):
    runs = grid(tmp_path, lambda a, b, seed: {"optim": {"lr": 3 * a}})
    assert runs.importance("acc", keys=["optim.lr"]).effects[0].label == "lr"
    write_run(tmp_path / "s" / "other", {"lr": 3}, {"loss": [1.0]})
    runs = runs.refresh()
    labels = [effect.label for effect in runs.importance("acc").effects]
    assert "a = optim.lr" in labels
