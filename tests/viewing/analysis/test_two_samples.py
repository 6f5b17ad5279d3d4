"""Two samples in numbers: as rliable and SciPy have them, and honest where runs are few."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from exptools.viewing.analysis.two_samples import (
    Stratum,
    bootstrapped_difference,
    bootstrapped_probability,
    newcombe,
    probability,
    runs_needed,
    welch,
)
from exptools.viewing.curves.statistics import bootstrap

ONE = np.array([3.1, 4.0, 2.2, 5.3, 3.9])
OTHER = np.array([2.0, 2.9, 1.1, 3.3, 2.2, 1.9, 4.1])


def pair(one, other):
    return [Stratum(np.asarray(one, float), np.asarray(other, float))]


def test_the_probability_of_improvement_and_its_interval_are_rliables(monkeypatch):
    monkeypatch.setattr(bootstrap, "SAMPLES", 20_000)
    recorded = json.loads((Path(__file__).parent / "rliable_improvement.json").read_text())
    for case in recorded["cases"]:
        one, other = np.array(case["left"]).T, np.array(case["right"]).T
        found = bootstrapped_probability(list(map(Stratum, one, other)), 95)
        assert found.value == pytest.approx(case["point"])
        assert (found.low, found.high) == pytest.approx((case["low"], case["high"]), abs=0.02)


def test_a_tie_counts_half():
    assert probability(pair([1, 2, 3], [2, 2])) == pytest.approx((0 + 0.5 + 1) / 3)
    ranks = stats.mannwhitneyu(ONE, OTHER).statistic / (len(ONE) * len(OTHER))
    assert probability(pair(ONE, OTHER)) == pytest.approx(ranks)


@pytest.mark.parametrize("level", [50.0, 95.0, 99.0])
def test_the_difference_has_welchs_interval(level):
    interval = stats.ttest_ind(ONE, OTHER, equal_var=False).confidence_interval(level / 100)
    found = welch(pair(ONE, OTHER), level)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.value == pytest.approx(ONE.mean() - OTHER.mean())


def test_strata_are_compared_within_themselves():
    tasks = [Stratum(ONE, OTHER), Stratum(ONE * 2 + 100, OTHER * 2 + 100)]
    found = welch(tasks, 95)
    assert found.value == pytest.approx(1.5 * (ONE.mean() - OTHER.mean()))
    assert found.high - found.low < 8  # and not as far as the tasks are apart
    assert probability(tasks) == probability(tasks[:1])


def test_of_many_runs_both_intervals_of_the_difference_are_the_same():
    random = np.random.default_rng(0)
    strata = pair(random.normal(1, 1, 100), random.normal(0, 2, 100))
    drawn, exact = bootstrapped_difference(strata, 95), welch(strata, 95)
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.05)


def test_of_three_runs_on_one_side_each_the_probability_is_still_in_doubt():
    apart = pair([4, 5, 6], [1, 2, 3])
    assert bootstrapped_probability(apart, 95).low == 1  # as rliable has it: no doubt at all
    # The solution of Newcombe's own equation.
    low = newcombe(apart, 95).low
    assert (low, newcombe(apart, 95).high) == pytest.approx((0.501, 1), abs=2e-3)
    spread = low * (1 - low) * (1 + 2 * ((1 - low) / (2 - low) + low / (1 + low))) / 9
    assert 1 - low == pytest.approx(stats.norm.ppf(0.975) * math.sqrt(spread))


def test_95_of_100_intervals_of_three_runs_hold_the_true_probability():
    random, true = np.random.default_rng(1), stats.norm.cdf(0.8 / math.sqrt(2))
    samples = [pair(random.normal(0.8, 1, 3), random.normal(0, 1, 3)) for _ in range(400)]
    found = [newcombe(sample, 95) for sample in samples]
    assert 0.92 < np.mean([part.low <= true <= part.high for part in found]) < 0.99


def power(runs, gap, one, other):
    """Of a two-sided Welch test at 5 %, exactly, with so many runs each."""
    parts = np.array([one, other]) ** 2 / runs
    freedom = parts.sum() ** 2 / (parts**2 / (runs - 1)).sum()
    size, limit = gap / math.sqrt(parts.sum()), stats.t.ppf(0.975, freedom)
    return stats.nct.sf(limit, freedom, size) + stats.nct.cdf(-limit, freedom, size)


@pytest.mark.parametrize("deviations", [(1, 1), (1, 2)])
@pytest.mark.parametrize("gap", [0.5, 1, 2, 3])
def test_the_runs_needed_give_welchs_test_the_power_of_80_percent(gap, deviations):
    shape = np.array([-1.0, 0.0, 1.0])
    needed = runs_needed(pair(gap + shape * deviations[0], shape * deviations[1]), 95)
    exact = next(n for n in range(2, 1000) if power(n, gap, *deviations) >= 0.8)
    assert needed == pytest.approx(exact, abs=1)


def test_what_no_number_of_runs_settles_is_said():
    assert runs_needed(pair([1, 2, 3], [1, 2, 3]), 95) == math.inf
    assert runs_needed(pair([1, 2, 3], [1.001, 2, 3]), 95) == math.inf
    assert math.isnan(runs_needed(pair([1], [2, 3]), 95))
    assert math.isnan(runs_needed(pair([1, 1], [1, 1]), 95))


def test_a_single_run_has_no_interval():
    assert math.isnan(welch(pair([1], [2, 3]), 95).low)
    assert math.isnan(bootstrapped_probability(pair([1], [2, 3]), 95).low)
