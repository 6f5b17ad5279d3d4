"""The analysis of variance in numbers: against statsmodels, SciPy, and its own promises."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from exptools.viewing.analysis.variance import analyse

# An unbalanced design; statsmodels 0.15.0, anova_lm(ols("v ~ C(p) + C(q)"), typ=2), and the same
# with C(p):C(q) for what combinations add and for the noise.
P = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 1])
Q = np.array([0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1])
V = np.array([1.0, 1.4, 2.1, 2.2, 3.4, 3.1, 4.4, 2.9, 4.9, 4.1, 2.7])
SQUARES = {"p": (7.158420, 2), "q": (2.714135, 1), "both": (0.230032, 2)}
NOISE, FREEDOM, TOTAL = 0.130667, 5, 15.001818


def of(values, *factors, level=95.0):
    settings = np.unique(np.stack(factors), axis=1, return_inverse=True)[1].ravel()
    return analyse(np.asarray(values, float), list(factors), settings, level)


def shares(analysis):
    rest = [part.share for part in (analysis.combinations, analysis.rest) if part]
    return [part.share for part in analysis.factors] + rest


def test_each_share_is_epsilon_squared_of_type_ii_sums_of_squares_as_statsmodels_has_them():
    analysis = of(V, P, Q)
    expected = [(ss - df * NOISE) / TOTAL for ss, df in SQUARES.values()]
    assert shares(analysis)[:2] == pytest.approx(expected[:2], abs=1e-5)
    assert analysis.combinations.share == pytest.approx(0, abs=1e-12)  # less than noise gives
    assert analysis.rest.share == pytest.approx(NOISE * 10 / TOTAL, abs=1e-5)


def strength(ratio, df, freedom, part):
    """The noncentrality at which SciPy's F stays below a ratio in a part of the cases."""

    def above(size):
        distribution = stats.ncf(df, freedom, size) if size else stats.f(df, freedom)
        return distribution.cdf(ratio) - part

    return optimize.brentq(above, 0, 900) if above(0) > 0 else 0.0


def test_the_intervals_are_those_of_scipys_noncentral_f():
    analysis = of(V, P, Q)
    for share, (squares, df) in zip(analysis.factors, SQUARES.values(), strict=False):
        ratio, others = squares / df / NOISE, TOTAL / NOISE - squares / NOISE + df
        sizes = [strength(ratio, df, FREEDOM, part) for part in (0.975, 0.025)]
        low, high = (size / (size + others) for size in sizes)
        assert (share.low, share.high) == pytest.approx((low, high), abs=0.001)


def test_the_parts_of_a_full_grid_add_up_to_one():
    p, q, seed = (part.ravel() for part in np.meshgrid(range(3), range(2), range(4)))
    values = p + p * q + np.random.default_rng(1).normal(size=p.size) + 0 * seed
    assert sum(shares(of(values, p, q))) == pytest.approx(1)


def test_95_of_100_intervals_hold_the_true_share():
    p, q = np.repeat([0, 1, 2], 6), np.tile(np.repeat([0, 1], 3), 3)
    effects = np.array([0.0, 0.7, 1.2])[p]
    true = effects.var() / (effects.var() + 17 / 18)
    random = np.random.default_rng(2)
    found = [of(effects + random.normal(size=18), p, q).factors for _ in range(80)]
    held = [one.low <= true <= one.high for one, _ in found]
    nothing = [other.low == 0 for _, other in found]
    assert 0.88 < np.mean(held) < 1
    assert np.mean(nothing) > 0.9
    assert np.mean([one.share for one, _ in found]) == pytest.approx(true, abs=0.05)


def test_a_key_that_only_goes_along_with_another_explains_nothing_beyond_it():
    random = np.random.default_rng(3)
    cause = np.repeat([0, 1], 20)
    along = np.where(random.random(40) < 0.15, 1 - cause, cause)
    analysis = of(cause + 0.3 * random.normal(size=40), cause, along)
    assert analysis.factors[0].low > 0.1
    assert analysis.factors[1].share < 0.04
    assert analysis.alone[1] > 0.15


def test_what_two_keys_do_together_is_no_main_effect():
    p, q = np.repeat([0, 1], 8), np.tile([0, 1], 8)
    analysis = of((p == q) + 0.1 * np.random.default_rng(4).normal(size=16), p, q)
    assert analysis.combinations.share > 0.9
    assert max(part.share for part in analysis.factors) < 0.02


def test_without_repetitions_seeds_and_combinations_are_one_rest():
    p, q = np.repeat([0, 1, 2], 3), np.tile([0, 1, 2], 3)
    analysis = of(p + 0.1 * np.random.default_rng(5).normal(size=9), p, q)
    assert not analysis.repeated
    assert analysis.combinations is None
    assert sum(shares(analysis)) == pytest.approx(1, abs=0.01)


def test_with_more_keys_than_runs_each_is_taken_by_itself():
    random = np.random.default_rng(6)
    factors = [random.integers(2, size=6) for _ in range(8)]
    analysis = of(random.normal(size=6), *factors)
    assert analysis.each_alone
    assert all(0 <= part.share <= 1 for part in analysis.factors)
    assert math.isnan(analysis.rest.share)


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1e300])
def test_the_scale_of_the_numbers_changes_nothing(scale):
    assert shares(of(V * scale, P, Q)) == pytest.approx(shares(of(V, P, Q)))


def test_a_large_offset_changes_nothing_and_equal_values_have_nothing_to_explain():
    assert shares(of(V + 1e8, P, Q)) == pytest.approx(shares(of(V, P, Q)), abs=1e-4)
    assert of(np.ones(11), P, Q) is None


def test_runs_of_one_setting_that_are_all_equal_leave_no_doubt():
    p = np.repeat([0, 1, 2], 2)
    analysis = of(p * 0.1, p)
    assert (analysis.factors[0].low, analysis.factors[0].high) == pytest.approx((1, 1))
    assert analysis.rest.share == pytest.approx(0)
