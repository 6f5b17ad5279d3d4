import pytest

from exptools.rundir import State, Status
from exptools.viewing.configs.values import MISSING, comparison_key, display, short_names
from exptools.viewing.groups.grouping import config_key, groups, run_key
from exptools.viewing.groups.variation import overview, seed_of, varying
from exptools.viewing.run import Run
from tests.viewing.samples import run_with


def grid(**values) -> list[Run]:
    """Runs with every combination of some values."""
    combinations = [{}]
    for key, options in values.items():
        combinations = [old | {key: option} for old in combinations for option in options]
    return [run_with(str(number), **config) for number, config in enumerate(combinations)]


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (0.001, 1e-3), ([1, [2]], [1.0, [2]]), ({"a": 1}, {"a": 1.0}), (None, None)],
)
def test_equal_values_do_not_differ(one, other):
    assert varying([run_with(x=one), run_with(x=other)]) == []


def test_nan_does_not_differ_from_itself():
    assert varying([run_with(x=float("nan")), run_with(x=float("nan"))]) == []


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
    assert seed_of([run_with(seedling=1, env__random_seed=0)]).key == "env.random_seed"
    assert seed_of([run_with(n_seeds=1)]) is None
    assert seed_of([run_with(data_seed=1, seed=0), run_with(data_seed=1, seed=1)]).key == "seed"


def test_runs_are_grouped_by_what_differs_besides_the_seed():
    assert overview(grid(seed=[0, 1], lr=[0.1, 0.2])).group_key == "lr"
    assert overview(grid(seed=[0, 1, 2])).group_key == "seed"
    assert overview(grid(lr=[0.1])).group_key is None


def test_a_key_that_is_another_in_every_run_makes_no_groups():
    runs = [run_with(str(job), log_dir=f"out/{job}", lr=job // 2) for job in range(6)]
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.001, "0.001"), ("0.001", '"0.001"'), ("adam", "adam"), ("", '""'), (True, "true")),
        *(("true", '"true"'), (None, "null"), ([1, "x", None], "[1, x, null]"), (MISSING, "—")),
        ({"a": [1]}, "{a: [1]}"),
    ],
)
def test_a_value_reads_as_its_type(value, text):
    assert display(value) == text


def test_a_long_key_is_cut_to_what_tells_it_from_the_others():
    names = short_names(["optim.lr", "model.lr", "model.width", "seed", "data.seed", r"a\.b.c"])
    assert names == {
        "optim.lr": "optim.lr",
        "model.lr": "model.lr",
        "model.width": "width",
        "seed": "seed",
        "data.seed": "data.seed",
        r"a\.b.c": "c",
    }
