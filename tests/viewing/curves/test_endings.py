"""Means of runs of which some did not finish, as notebooks see them."""

import numpy as np
import pytest

import exptools.viewing as xv
from exptools.rundir import State
from exptools.viewing.curves.curve_data import caveats, remark
from exptools.viewing.curves.endings import Member, endings
from exptools.viewing.curves.query import CurveQuery, curve_set
from exptools.viewing.curves.statistics.aggregation import parse_method
from exptools.viewing.results import results
from exptools.viewing.tables import export
from tests.viewing.samples import write_dying_sweep, write_run, write_summary

EARLY = "Of the 8 runs 5 failed and 1 was killed, with their last values at step 9 of 19"
OF_FEW = parse_method("iqm", "ci:95")
LEFT_OUT = "Only finished runs count: 6 are left out (5 failed and 1 was killed)."


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return xv.load(write_dying_sweep(tmp_path_factory.mktemp("outputs") / "sweep"))


def test_curves_say_how_many_runs_ended_early_and_of_how_many_the_rest_is(runs):
    curves = runs.curves("accuracy", [])
    assert curves.notes == (f"{EARLY}: the mean is of 2 runs from there on.",)
    (group,) = curves.groups
    assert group.curve.n.tolist() == [8] * 10 + [2] * 10
    assert [run.name for run in group.ended_early] == ["2", "3", "4", "5", "6", "7"]


def test_of_finished_runs_only_the_others_are_left_out_and_counted(runs):
    curves = runs.curves("accuracy", [], states="finished")
    assert curves.notes == (LEFT_OUT,)
    (group,) = curves.groups
    assert group.curve.n.tolist() == [2] * 20
    np.testing.assert_allclose(group.curve.center, np.arange(20) / 10 + 0.005)


def test_of_the_best_setting_it_is_said_which_others_did_not_finish(tmp_path):
    for job, (lr, value, state) in enumerate(
        [(1, 5.0, State.COMPLETED), (1, 1.0, State.FAILED), (2, 4.0, State.COMPLETED)]
    ):
        write_run(tmp_path / str(job), {"lr": lr}, {"acc": [value]}, state)
    runs = xv.load(tmp_path)
    best = runs.curves("acc", by=[], best=xv.Best("lr"))
    assert best[0].setting == (2,)
    assert best.caveats == ("The best lr was chosen over 2 other runs, of which 1 failed.",)
    best = runs.curves("acc", by=[], best=xv.Best("lr"), states="finished")
    assert best[0].setting == (1,)
    assert best.caveats == ("Only finished runs count: 1 is left out (1 failed).",)


def test_a_table_counts_them_in_its_cells_notes_and_files(runs):
    table = results(runs, "accuracy", "lr")
    assert table.notes[0] == f"{EARLY}."
    assert table.frame().select("n", "runs", "early", "going").rows() == [(8, 8, 6, 0)]
    assert r"& 8\rlap{$^{\dagger}$} \\" in export.latex(table)
    assert r"{\footnotesize $^{\dagger}$6 of these ended early.} \\" in export.latex(table)
    assert f"% {EARLY}.\n" in export.latex(table)
    assert f"\n{EARLY}.\n" in export.markdown(table)
    finished = results(runs, "accuracy", "lr", states="finished")
    assert (finished.cells[0][0].n, finished.notes[0]) == (2, LEFT_OUT)


def test_a_table_counts_the_queued_runs_which_have_no_number_and_says_whom_it_counts(tmp_path):
    states = [State.COMPLETED, State.FAILED, State.RUNNING, State.QUEUED, State.QUEUED]
    for job, state in enumerate(states):
        rows = None if state is State.QUEUED else {"accuracy": [float(job)]}
        write_run(tmp_path / str(job), {"seed": job}, rows, state)
    table = xv.load(tmp_path).results("accuracy", by=[])
    counts = table.frame().select("n", "runs", "early", "going", "pending")
    assert counts.rows() == [(3, 5, 1, 1, 2)]
    assert table.notes[0] == "Of the 3 runs in the numbers 1 failed."


def test_who_asks_for_finished_runs_where_none_is_or_for_other_states_is_told_so(runs):
    nothing = 'None of these 6 runs has finished; with states="all" all of them count.'
    curves = runs[2:].curves("accuracy", [], states="finished")
    assert (len(curves), curves.notes) == (0, (nothing,))
    assert nothing in curves.plot().layout.annotations[0].text
    (text,) = curves.paper().texts
    assert text.get_text().replace("\n", " ") == nothing
    table = results(runs[2:], "accuracy", "lr", states="finished")
    assert (table.rows, table.notes, table.frame().height) == ((), (nothing,), 0)
    with pytest.raises(xv.QueryError, match="did you mean 'finished'"):
        results(runs, "accuracy", "lr", states="finish")


def test_a_run_whose_state_nobody_wrote_counts_as_finished(tmp_path):
    for seed, state in enumerate((None, State.COMPLETED)):
        write_run(tmp_path / str(seed), {"seed": seed}, {"loss": [1.0] * (seed + 1)}, state)
    curves = xv.load(tmp_path).curves("loss", [], states="finished")
    assert len(curves.groups[0].runs) == 2
    assert not any("left out" in note for note in curves.notes)


def members(*runs):
    return [Member(f"{at}", state, end) for at, (state, end) in enumerate(runs)]


DONE, FAILED, RUNNING = (State.COMPLETED, 19.0), State.FAILED, State.RUNNING


@pytest.mark.parametrize(
    ("group", "x", "sentences"),
    [
        ([DONE, DONE], "step", []),
        ([DONE, (FAILED, 19.0)], "step", ["Of the 2 runs 1 failed."]),
        (
            [DONE, DONE, (FAILED, 3.0), (State.TIMEOUT, 12.0)],
            "step",
            [
                "Of the 4 runs 1 failed and 1 timed out, with their last values at steps 3 to "
                "12 of 19: "
                "the mean is of "
                "2 runs at the end."
            ],
        ),
        (
            [DONE, (State.INTERRUPTED, 1.5), (RUNNING, 7.25)],
            "relative_time",
            [
                "Of the 3 runs 1 was interrupted, with its last value at 1.5 s of 19 s: "
                "the mean is of 2 runs from "
                "there on.",
                "1 is still running, at 7.25 s of 19 s: the mean is of 1 run from there on.",
            ],
        ),
        ([DONE, (FAILED, 9.0)], "wall_time", ["Of the 2 runs 1 failed."]),
        (
            [DONE, (FAILED, 2.0)],
            "epoch",
            [
                "Of the 2 runs 1 failed, with its last value at epoch 2 of 19: "
                "the mean is of 1 run from there on."
            ],
        ),
        ([(FAILED, 9.0)], "step", ["The only run failed."]),
        ([(State.KILLED, 9.0)], "step", ["The only run was killed."]),
        ([DONE], "step", []),
        ([(RUNNING, 9.0)], "step", []),
        (
            [(FAILED, 9.0), (RUNNING, 25.0), (RUNNING, 26.0)],  # nobody knows how far it will go
            "step",
            [
                "Of the 3 runs 1 failed, with its last value at step 9: "
                "the mean is of 2 runs from there on.",
                "2 are still running, at steps 25 to 26: the mean is of 1 run from there on.",
            ],
        ),
        (
            [DONE, DONE, (State.COMPLETED, 14.0), (FAILED, 3.0)],
            "step",
            [
                "Of the 4 runs 1 failed, with its last value at step 3 of 19: "
                "the mean is of 3 runs from there on.",
                "1 finished before the others, after step 14 of 19: the mean is of 2 runs from "
                "there on.",
            ],
        ),
        (
            [DONE, (None, 9.0), (State.COMPLETED, 14.0)],
            "step",
            [
                "Of the 3 runs 2 finished before the others, after steps 9 to 14 of 19: the mean "
                "is of 1 run at the end."
            ],
        ),
        (
            [DONE, (State.COMPLETED, 18.0), (FAILED, 9.0)],
            "env_steps",
            [
                "Of the 3 runs 1 failed, with its last value at env_steps 9 of 19: "
                "the mean is of 2 runs then, and "
                "of fewer at the end."
            ],
        ),
        ([DONE, (State.COMPLETED, 18.0)], "env_steps", []),  # each run ends a little elsewhere
        *(([DONE, (State.COMPLETED, 9.0)], x, []) for x in ("relative_time", "wall_time")),
    ],
)
def test_the_sentence_says_what_became_of_whom_and_where(group, x, sentences):
    assert list(endings([members(*group)], x, "the mean")) == sentences


def test_of_several_lines_it_is_said_how_many_have_fewer_runs_at_the_end():
    def line(name, end):
        return [
            Member(f"{name} 0", *DONE),
            Member(f"{name} 1", FAILED if end < 19 else DONE[0], end),
        ]

    for ends, subject in (
        ((3.0, 19.0, 19.0), "1 of the 3 lines is"),
        ((3.0, 3.0, 19.0), "2 of the 3 lines are"),
        ((3.0, 3.0), "lines are"),
    ):
        (sentence,) = endings([line(*of) for of in enumerate(ends)], "step", "the mean")
        assert sentence.endswith(f": {subject} of 1 run from there on.")


def test_lines_of_different_lengths_are_no_runs_that_finished_before_others():
    groups = [members(DONE, DONE), members((State.COMPLETED, 9.0), (State.COMPLETED, 9.0))]
    assert endings(groups, "step", "the mean") == ()


def test_runs_of_one_length_are_that_where_x_is_negative_too():
    group = [Member(name, State.COMPLETED, -10.0) for name in "ab"]
    assert endings([group], "log_likelihood", "the mean") == ()


def test_a_run_that_logs_one_metric_longer_has_not_finished_before_the_others():
    warm_up = [Member("a", State.COMPLETED, 5.0), Member("b", State.COMPLETED, 9.0)]
    whole = [Member(name, *DONE) for name in "ab"]
    assert endings([warm_up, whole], "step", "the mean") == ()


def test_a_run_got_as_far_as_any_of_its_metrics():
    often = [Member("a", State.COMPLETED, 19.0), Member("b", FAILED, 9.0)]
    seldom = [Member("a", State.COMPLETED, 15.0), Member("b", FAILED, 5.0)]
    sentence = (
        "Of the 2 runs 1 failed, with its last value at step 9 of 19: lines are of 1 run at "
        "the end."
    )
    assert endings([often, seldom], "step", "the mean") == (sentence,)


@pytest.mark.parametrize("order", [["accuracy", "result"], ["result", "accuracy"]])
def test_a_column_without_steps_hides_no_steps_of_another(tmp_path, order):
    root = write_dying_sweep(tmp_path / "sweep")
    for seed in "01":
        write_summary(root / seed, result=0.9)
    table = results(xv.load(root), order, "lr")
    assert table.notes[0] == f"{EARLY}."


def test_of_several_lines_it_says_between_which_numbers_of_runs_they_are():
    groups = [
        [Member("a", State.COMPLETED, 9.0), Member("b", FAILED, 4.0)],
        [Member("c", State.COMPLETED, 9.0), Member("d", FAILED, 4.0), Member("e", None, 9.0)],
    ]
    assert list(endings(groups, "step", "the mean")) == [
        "Of the 5 runs 2 failed, with their last values at step 4 of 9: "
        "lines are of 1 to 2 runs from there on."
    ]


def test_a_figure_of_several_curves_counts_the_runs_of_all_and_says_each_thing_once(tmp_path):
    write_dying_sweep(tmp_path / "dying")
    for seed in range(3):
        write_run(tmp_path / "done" / str(seed), {"seed": seed}, {"accuracy": [0.0] * 20})
    runs = xv.load(tmp_path)
    sets = [
        curve_set(runs.origin, runs.where(where), CurveQuery("accuracy", (), method=OF_FEW))
        for where in ("name like 'dying/%'", "name like 'done/%'")
    ]
    assert caveats(sets) == (
        "Of the 11 runs 5 failed and 1 was killed, with their last values at step 9 of 19: "
        "1 of the 2 lines is of 2 "
        "runs from there on.",
        "Fewer than ten runs: the 95 % interval by bootstrap of 2 to 8 runs is too narrow.",
        "The interquartile mean of fewer than four runs is their mean.",
    )
    assert remark(sets) == "bootstrap of 2 to 8 runs"
