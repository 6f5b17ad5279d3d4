import pytest

from exptools.rundir import State, Status
from exptools.viewing.configs.values import MISSING, comparison_key
from exptools.viewing.groups.differences import compare, diff
from exptools.viewing.groups.grouping import config_key, groups, run_key
from exptools.viewing.groups.variation import overview, varying
from exptools.viewing.run import Run
from tests.viewing.samples import run_with

NAN = float("nan")


def runs_with(**columns) -> list[Run]:
    """Runs whose keys have the values of these columns; MISSING is none."""
    rows = zip(*columns.values(), strict=True)
    return [
        run_with(str(job), **{k: v for k, v in zip(columns, row, strict=True) if v is not MISSING})
        for job, row in enumerate(rows)
    ]


def test_keys_that_vary_only_together_have_one_that_speaks_for_them():
    runs = runs_with(
        algo=["ppo", "ppo", "sac", "sac"],
        batch=[64, 64, 256, 256],
        lr=[0.1, 0.2, 0.1, 0.2],
        fixed=[1, 1, 1, 1],
    )
    assert overview(runs).together == {"algo": ("batch",), "lr": ()}


def test_a_missing_key_varies_together_with_what_it_is_missing_for():
    runs = runs_with(algo=["ppo", "ppo", "sac", "dqn"], clip=[0.1, 0.1, MISSING, 0.2])
    assert overview(runs).together == {"algo": ("clip",)}
    runs = runs_with(algo=["ppo", "sac", "sac"], clip=[0.1, MISSING, MISSING])
    assert overview(runs).together == {"algo": ("clip",)}
    runs = runs_with(algo=["ppo", "sac"], clip=[0.1, MISSING], tau=[MISSING, 0.1])
    assert overview(runs).together == {"algo": ("clip", "tau")}


def test_a_key_with_more_values_does_not_vary_together_with_one_that_has_fewer():
    assert overview(runs_with(a=[1, 1, 2], b=[1, 3, 2])).together == {"a": (), "b": ()}


def test_a_swept_key_speaks_for_those_that_follow_from_it_and_the_seed_for_the_others():
    status = [Status(State.COMPLETED, overrides=(f"n={n}",)) for n in (1, 2)]
    runs = [Run(None, str(n), None, {"m": n, "n": n}, status[n - 1], None) for n in (1, 2)]
    assert overview(runs).together == {"n": ("m",)}
    assert overview(runs_with(path=["x", "y"], seed=[0, 1])).together == {"seed": ("path",)}


def test_facets_have_several_values_of_which_one_repeats_and_the_seed_is_none():
    runs = runs_with(
        run_dir=["a", "b", "c", "d"], seed=[0, 1, 0, 1], lr=[1, 1, 2, 2], alpha=[3, 3, 4, 4]
    )
    assert overview(runs).facets == ("lr",)
    assert overview(runs[:1]).facets == ()


def test_what_a_swept_key_decides_is_no_facet_unless_it_was_swept_too():
    def facets(*swept):
        keys = {"optim": "aabbcc", "momentum": [0, 0, 0, 0, 9, 9], "lr": [0.1, 0.2] * 3}
        rows = [dict(zip(keys, row, strict=True)) for row in zip(*keys.values(), strict=True)]
        status = Status(State.COMPLETED, overrides=tuple(f"{key}=0" for key in swept))
        return set(overview([Run(None, str(row), None, row, status, None) for row in rows]).facets)

    assert facets("optim", "lr") == {"optim", "lr"}
    assert facets("optim", "lr", "momentum") == facets() == {"optim", "momentum", "lr"}


def test_a_seed_of_another_name_is_known_by_being_all_that_differs():
    runs = runs_with(lr=[0.1, 0.1, 0.2, 0.2], noise=[11, 12, 13, 14], path=["a", "b", "c", "d"])
    assert overview(runs).seed.key == "noise"
    assert "agree in all else" in overview(runs).seed.reason
    assert overview(runs).facets == ("lr",)


@pytest.mark.parametrize(
    "columns",
    [
        {"lr": [0.1, 0.1, 0.2, 0.2], "width": [32, 64, 32, 64]},  # a grid: either could be
        {"width": [32, 64, 128]},  # a sweep over one key
        {"lr": [0.1, 0.1, 0.2, 0.2], "noise": [0.1, 0.2, 0.3, 0.4]},  # no integers
        {"lr": [0.1, 0.1, 0.2], "noise": [1, 2, 3]},  # nothing to compare the third with
    ],
)
def test_where_it_is_not_sure_no_key_is_taken_for_the_seed(columns):
    assert overview(runs_with(**columns)).seed is None


def test_what_varies_does_not_depend_on_which_objects_hold_the_values():
    big = 10**20
    assert varying(runs_with(x=[big, int(str(big))], y=[(1, 2), (1, 2)])) == []


def test_two_runs_differ_in_their_values_and_in_what_one_of_them_lacks():
    one, other = run_with(a=1, b=0.001, c=None), run_with(a=1, b="0.001", d=[1])
    found = {difference.key: difference.texts for difference in diff(one, other)}
    assert found == {"b": ("0.001", '"0.001"'), "c": ("null", "—"), "d": ("—", "[1]")}


def test_sweeps_are_matched_by_what_varies_inside_and_differ_in_the_rest():
    left = runs_with(lr=[1, 1, 2, 2], seed=[0, 1, 0, 1], width=[64] * 4, path=list("abcd"))
    right = runs_with(lr=[1, 2, 3], seed=[0, 0, 0], width=[128] * 3, path=list("efg"))
    found = compare(left, right)
    assert [d.key for d in found.differences] == ["width", "path"]
    assert found.differences[0].texts == ("64", "128")
    assert found.differences[1].texts == ("a, b, c, d", "e, f, g")
    assert found.matched_by == ("lr", "seed")
    assert [(a.name, b.name) for a, b in found.matched] == [("0", "0"), ("2", "1")]
    assert [run.name for run in found.only_left] == ["1", "3"]
    assert [run.name for run in found.only_right] == ["2"]


def test_repeats_are_matched_one_to_one_in_their_order():
    found = compare(runs_with(lr=[1, 1, 1]), runs_with(lr=[1, 1]))
    assert [(a.name, b.name) for a, b in found.matched] == [("0", "0"), ("1", "1")]
    assert [run.name for run in found.only_left] == ["2"]


def test_the_number_of_a_repetition_of_run_experiments_is_a_seed():
    runs = runs_with(lr=[0.1, 0.1, 0.2, 0.2], run_ID=["0", "1", "0", "1"])
    assert overview(runs).seed.key == "run_ID"
    assert overview(runs).facets == ("lr",)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), ([1, [2]], [1.0, [2]]), ({"a": 1}, {"a": 1.0}), (None, None), (NAN, NAN)],
)
def test_equal_values_do_not_differ(one, other):
    assert varying([run_with(x=one), run_with(x=other)]) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (0.001, "0.001"), (None, "null"), ([1, 2], [2, 1]), ([], {}), (0, "")],
)
def test_values_of_other_types_differ(one, other):
    assert varying([run_with(x=one), run_with(x=other)]) == ["x"]


def test_a_missing_key_is_a_value_of_its_own():
    assert varying([run_with(x=None), run_with()]) == ["x"]
    assert comparison_key(MISSING) != comparison_key("MISSING")


def test_the_seed_is_known_by_the_last_part_of_its_name():
    assert overview([run_with(seedling=1, env__random_seed=0)]).seed.key == "env.random_seed"
    assert overview([run_with(n_seeds=1)]).seed is None
    assert "because of its name" in overview(runs_with(seed=[0, 1])).seed.reason
    assert overview(runs_with(data_seed=[1, 1], seed=[0, 1])).seed.key == "seed"


def test_runs_are_grouped_by_what_differs_besides_the_seed():
    assert overview(runs_with(seed=[0, 1, 0, 1], lr=[0.1, 0.1, 0.2, 0.2])).group_key == "lr"
    assert overview(runs_with(seed=[0, 1, 2])).group_key == "seed"
    assert overview(runs_with(lr=[0.1])).group_key is None


def test_a_key_that_is_another_in_every_run_makes_no_groups():
    runs = runs_with(log_dir=list("abcdef"), lr=[0, 0, 1, 1, 2, 2])
    assert overview(runs).group_key == "lr"


def test_a_swept_key_goes_before_one_that_follows_from_it():
    runs = [
        Run(None, str(job), None, {"width": 2**layers, "layers": layers},
            Status(State.COMPLETED, overrides=(f"+layers={layers}",)), None)
        for job, layers in enumerate([1, 1, 2, 2])
    ]  # fmt: skip
    assert overview(runs).group_key == "layers"


def test_groups_are_in_the_order_of_their_values_and_missing_comes_last():
    runs = [run_with(str(x), x=x) for x in (10, 9.5, "b", "a10", "a9", None)] + [run_with("-")]
    labels = [group.label for group in groups(runs, [config_key("x")])]
    assert labels == ["9.5", "10", "a9", "a10", "b", "null", "—"]


def test_without_a_key_each_run_is_a_group():
    runs = [run_with("0", x=1), run_with("1", x=1)]
    assert [(group.label, group.runs) for group in groups(runs, [run_key("name")])] == [
        ("0", (runs[0],)),
        ("1", (runs[1],)),
    ]
