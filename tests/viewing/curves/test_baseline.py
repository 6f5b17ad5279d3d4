"""Curves less a baseline's, against NumPy and SciPy."""

import numpy as np
import pytest
from scipy import stats

from exptools.viewing.api.loading import load
from exptools.viewing.curves.baseline import unpaired
from exptools.viewing.curves.statistics.aggregation import parse_method
from exptools.viewing.errors import QueryError
from tests.viewing.samples import csv_text, write_run

STEPS = 12
RANDOM = np.random.default_rng(3)
VALUES = RANDOM.normal(1, 0.3, (2, 4, STEPS))  # [group, seed, step]


def write(root, seeds=((0, 1, 2, 3), (0, 1, 2, 3)), first=(0, 0)):
    for group in (0, 1):
        for at, seed in enumerate(seeds[group]):
            rows = csv_text({"acc": VALUES[group, at].tolist()}, first[group])
            write_run(root / f"{group}-{at}", {"lr": (0.1, 0.2)[group], "seed": seed}, rows)
    return load(root)


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    return write(tmp_path_factory.mktemp("paired"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return write(tmp_path_factory.mktemp("strangers"), ((0, 1, 2, 3), (4, 5, 6, 7)))


def test_runs_with_the_same_seed_are_paired_and_the_interval_is_that_of_their_differences(paired):
    curves = paired.curves("acc", by="lr", band="t:95", baseline="0.1")
    difference = VALUES[1] - VALUES[0]
    expected = stats.ttest_rel(VALUES[1], VALUES[0]).confidence_interval(0.95)
    curve = curves["0.2"].curve
    assert np.allclose(curve.center, difference.mean(axis=0))
    assert np.allclose([curve.low, curve.high], expected)
    assert curve.n.tolist() == [4] * STEPS
    assert "Runs are paired by seed (4 pairs)" in " ".join(curves.caveats)
    assert curves.title == "acc: difference to 0.1"


def test_of_keys_that_go_together_one_is_said_to_pair_the_runs(tmp_path):
    for job, (lr, model, seed) in enumerate(
        (lr, model, seed) for lr in (0.1, 0.2) for model in ("mlp", "cnn") for seed in (0, 1)
    ):
        of_model = {"model": model, "layers": len(model), "width": {"mlp": 64, "cnn": 32}[model]}
        config = {**of_model, "lr": lr, "seed": seed, "port": 9000 + seed}
        write_run(tmp_path / str(job), config, csv_text({"acc": [float(job)]}))
    curves = load(tmp_path).curves("acc", by="lr", baseline="0.1")
    assert "Runs are paired by model and seed (4 pairs): mean" in " ".join(curves.caveats)


@pytest.mark.parametrize("center", ["mean", "median", "iqm"])
def test_of_pairs_the_centre_is_that_of_the_differences(paired, center):
    curve = paired.curves("acc", by="lr", center=center, band="minmax", baseline="0.1")[1].curve
    difference = VALUES[1] - VALUES[0]
    centers = {
        "mean": difference.mean(axis=0),
        "median": np.median(difference, axis=0),
        "iqm": stats.trim_mean(difference, 0.25, axis=0),
    }
    assert np.allclose(curve.center, centers[center])
    assert np.allclose(curve.low, difference.min(axis=0))


def test_without_partners_the_interval_is_welchs(strangers):
    curves = strangers.curves("acc", by="lr", band="t:95", baseline="lr=0.1")
    expected = stats.ttest_ind(VALUES[1], VALUES[0], equal_var=False)
    interval = expected.confidence_interval(0.95)  # its degrees of freedom are not whole
    curve = curves["0.2"].curve
    assert np.allclose(curve.center, VALUES[1].mean(axis=0) - VALUES[0].mean(axis=0))
    assert np.allclose([curve.low, curve.high], [interval.low, interval.high])
    assert "Welch's interval" in " ".join(curves.caveats)


def test_without_partners_the_bootstrap_draws_both_sides():
    own, base = RANDOM.normal(0, 1, (30, 3)), RANDOM.normal(0, 2, (20, 3))
    _, low, high, _ = unpaired(own, base, parse_method("mean", "ci:95"))
    error = np.sqrt(own.var(axis=0, ddof=1) / 30 + base.var(axis=0, ddof=1) / 20)
    assert np.allclose((high - low) / 2, 1.96 * error, rtol=0.1)
    median, *_ = unpaired(own, base, parse_method("median", "ci:95"))
    assert np.allclose(median, np.median(own, axis=0) - np.median(base, axis=0))


def test_a_band_that_describes_runs_is_the_groups_own(strangers):
    curves = strangers.curves("acc", by="lr", baseline="0.1")
    curve = curves["0.2"].curve
    assert np.allclose((curve.high - curve.low) / 2, VALUES[1].std(axis=0, ddof=1))
    assert "the spread of the group's own runs" in " ".join(curves.caveats)


def test_in_percent_it_is_of_the_baselines_centre_and_of_its_size(paired):
    plain = paired.curves("acc", by="lr", baseline="0.1")["0.2"].curve
    curves = paired.curves("acc", by="lr", baseline="0.1", difference="percent")
    part = 100 / np.abs(VALUES[0].mean(axis=0))
    assert np.allclose(curves["0.2"].curve.center, plain.center * part)
    assert np.allclose(curves["0.2"].curve.high, plain.high * part)
    assert curves.title.endswith("in %")


def test_where_the_baseline_is_0_or_changes_its_sign_percentages_are_said_to_say_little(tmp_path):
    for lr, values in ((1, [-1.0, 0.0, 1.0]), (2, [1.0, 1.0, 1.0])):
        write_run(tmp_path / str(lr), {"lr": lr}, csv_text({"acc": values}))
    curves = load(tmp_path).curves("acc", by="lr", baseline="1", difference="percent")
    assert curves["2"].curve.center[[0, 2]].tolist() == [200, 0]
    assert np.isnan(curves["2"].curve.center[1])
    said = " ".join(curves.caveats)
    assert "Where the baseline's mean is 0 there are no percentages." in said
    assert "has both signs: around 0 percentages say little" in said


def test_the_baseline_itself_is_zero_and_says_so_also_in_what_is_exported(paired):
    curves = paired.curves("acc", by="lr", baseline="0.1")
    assert [group.is_baseline for group in curves] == [True, False]
    assert curves["0.1"].curve.center.tolist() == [0] * STEPS
    frame = curves.frame()
    assert frame.columns[:2] == ["baseline", "difference"]
    assert frame["difference"].unique().to_list() == ["absolute"]
    assert "0.1 (baseline)" in {trace.name for trace in curves.plot().data}


def test_a_run_is_a_baseline_for_all_runs_of_a_group(paired):
    curves = paired.curves("acc", by="lr", band="sem", baseline="0-2")
    curve = curves["0.2"].curve
    assert np.allclose(curve.center, VALUES[1].mean(axis=0) - VALUES[0, 2])
    assert np.allclose(curve.high - curve.center, stats.sem(VALUES[1], axis=0))
    assert "the baseline is one run" in " ".join(curves.caveats)


def test_of_several_keys_each_group_has_the_baseline_that_is_else_like_it(paired):
    curves = paired.curves("acc", by=["lr", "seed"], baseline="lr=0.1")
    assert np.allclose(curves["lr=0.2, seed=3"].curve.center, VALUES[1, 3] - VALUES[0, 3])


def test_there_is_a_difference_only_where_both_sides_are(tmp_path):
    curve = write(tmp_path, first=(0, 5)).curves("acc", by="lr", baseline="0.1")["0.2"].curve
    assert (curve.x[0], curve.x[-1]) == (5, STEPS - 1)
    assert np.allclose(curve.center[0], (VALUES[1, :, 0] - VALUES[0, :, 5]).mean())


def test_seeds_that_are_there_twice_are_no_pairs_and_part_of_them_neither(tmp_path):
    twice = write(tmp_path / "twice", ((0, 0, 1, 1), (0, 0, 1, 1)))
    part = write(tmp_path / "part", ((0, 1, 2, 3), (3, 4, 5, 6)))
    for runs in (twice, part):
        curves = runs.curves("acc", by="lr", band="t:95", baseline="0.1")
        assert "not paired" in " ".join(curves.caveats)


def test_a_run_without_a_partner_is_left_out_of_the_pairs_and_counted(tmp_path):
    curves = write(tmp_path, ((0, 1, 2, 3), (0, 1, 2))).curves("acc", by="lr", baseline="0.1")
    assert curves["0.2"].curve.n.tolist() == [3] * STEPS
    assert "1 without a partner is left out" in " ".join(curves.caveats)


def test_smoothing_comes_before_the_difference(paired):
    one, other = (paired.curves("acc", by="lr", smooth=0.9)[at].curve.center for at in (0, 1))
    smooth = paired.curves("acc", by="lr", smooth=0.9, baseline="0.1")["0.2"].curve.center
    assert np.allclose(smooth, other - one)


def test_what_is_no_baseline_is_said_with_the_nearest(paired):
    with pytest.raises(QueryError, match=r"no group or run '0.3'.*'0.2'|'0.1'"):
        paired.curves("acc", by="lr", baseline="0.3")
    with pytest.raises(QueryError, match="there is no difference 'ratio'"):
        paired.curves("acc", by="lr", baseline="0.1", difference="ratio")
    with pytest.raises(QueryError, match="strata and a baseline"):
        paired.curves("acc", by="lr", baseline="0.1", strata="seed")
