"""Runs chosen by what their metrics came to."""

import pytest

from exptools.viewing.curves.selection import select_runs
from exptools.viewing.errors import QueryError
from tests.viewing.samples import csv_text, indexed, write_run, write_summary

NAN = float("nan")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    root = tmp_path_factory.mktemp("outputs")
    rows = ([0.2, 0.9, 0.5], [0.1, 0.2, 0.97], [0.3, 0.4, NAN])
    for job, values in enumerate(rows):
        loss = [value / 2 for value in values]
        progress = csv_text({"test/accuracy": values, "test/loss": loss, "x": [1, 2, 3]})
        write_run(root / str(job), {"lr": job, "last": job}, progress)
    write_run(root / "3", {"lr": 3, "last": 3}, None)
    write_summary(root / "1", result=7, verdict="good", lr=5)
    return indexed(root)


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ('last("test/accuracy") > 0.95', "1"),
        ("last('test/accuracy') > 0.4 and lr = 0", "0"),
        ("LAST( test/accuracy ) > 0.4", "01"),
        ("0.95 < last(test/accuracy)", "1"),
        ("best(test/accuracy) > 0.89", "01"),
        ("best(test/loss) between 0.09 and 0.11", "0"),
        ("max(test/accuracy) >= 0.9 and min(test/accuracy) < 0.15", "1"),
        ('mean("test/accuracy", 2) > 0.6', "0"),
        ("at(test/accuracy, 1) = 0.9", "0"),
        ("auc(x) = 4", "012"),
        ("last(test/accuracy) is null", "23"),  # NaN is no number, and one has logged nothing
        ("not last(test/accuracy) > 0.95", "0"),
        ("last(test/accuracy) > last(test/loss)", "01"),
        ("last(x) in (3, 4) and last = 2", "2"),
        ("summary.result = 7", "1"),
        ("summary(result) = 7 and summary('verdict') = 'good'", "1"),
        ("last(result) > 6", "1"),
        ("summary(lr) = 5", "1"),
    ],
)
def test_a_condition_may_ask_for_results(index, condition, names):
    chosen = select_runs(index, index.snapshot.runs, condition)
    assert "".join(run.name for run in chosen) == names


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("last(test/acuracy) > 1", "no run has logged 'test/acuracy'; did you mean"),
        ("lsat(test/accuracy) > 1", "there is no summary 'lsat'; did you mean 'last'"),
        ("mean(test/accuracy) > 1", r'behind the metric, as in mean\("test/accuracy", 10\)$'),
        ("at(x) > 1", r"at takes a value of x behind the metric, as in at\(x, 1000\)$"),
        ("mean(x, 1.5) > 1", r"as in mean\(x, 10\), not 1.5$"),
        ("best(x) > 1", "whether more or less of x is better is not known"),
        ('"test/accuracy" > 1', r"is a metric: say which .* last\(\"test/accuracy\"\)"),
        ("step > 1", r"'step' is no key: max\(step\) is how far a run has come"),
        ("1 < x", r"'x' is a metric: say which of its values"),
        ("x > 1", r"'x' is a metric: say which of its values, as in last\(\"x\"\)"),
        ("summary(reslut) = 1", "no run has a key 'summary.reslut'; did you mean"),
        ("last() > 1", r"'last\(\)' is not understood"),
        ("last(last(x)) > 1", "is not understood"),
        ("last(x, 2, 3) > 1", r"last takes no number, as in last\(x\), not 2, 3$"),
        ("last(x) = null", "say .* is null"),
        ("last(x) > '3'", "last.* is a number, and never '3'; write it without quotes"),
        ("f(last) > 1", "there is no summary 'f'"),
    ],
)
def test_what_cannot_be_asked_for_says_what_can(index, condition, sentence):
    with pytest.raises(QueryError, match=sentence):
        select_runs(index, index.snapshot.runs, condition)


def test_brackets_and_blanks_without_an_end_take_no_time(index):
    for condition in ("f(" + " " * 8000, "f(" * 2000, "f( x" + " x" * 4000):
        with pytest.raises(QueryError):
            select_runs(index, index.snapshot.runs, condition)
