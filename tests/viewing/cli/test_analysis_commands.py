"""``exptools importance`` and ``exptools improvement`` as typed."""

import json

import pytest

import exptools.viewing as xv
from exptools.viewing.cli.main import main
from tests.viewing.samples import write_sweep

PAIR = ["--of", "lr = 0.01", "--over", "lr = 0.1"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return str(write_sweep(tmp_path_factory.mktemp("outputs")))


def test_the_keys_are_listed_with_what_they_explain(outputs, capsys):
    assert main(["importance", outputs]) == 0
    out, _ = capsys.readouterr()
    assert "lr explains 98 %" in out
    assert "analysis of variance" in out
    assert "Few runs: the noise is known from" in out


def test_pipes_get_what_python_has(outputs, capsys):
    assert main(["importance", outputs, "--metric", "accuracy", "--key", "lr", "--csv"]) == 0
    found = xv.load(outputs).importance("accuracy", "lr")
    out, err = capsys.readouterr()
    assert out == found.frame().write_csv()
    assert "exptools importance: Few runs" in err
    assert main(["improvement", outputs, *PAIR, "--interval", "ci:90", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    found = xv.load(outputs).improvement(of="lr = 0.01", over="lr = 0.1", interval="ci:90")
    assert (row["low"], row["probability"]) == (found.difference.low, found.probability.value)


def test_one_group_is_compared_with_another_in_sentences(outputs, capsys):
    assert main(["improvement", outputs, *PAIR, "--metric", "train/loss", "--strata", ""]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("lr = 0.01 may be worse than lr = 0.1, by ") or "is worse than" in out
    assert "The probability of improvement" in out


def test_figures_are_written_and_their_captions_said(outputs, capsys, tmp_path):
    for command in (["importance", outputs], ["improvement", outputs, *PAIR]):
        path = tmp_path / f"{command[0]}.png"
        assert main([*command, "--out", str(path), "--size", "text"]) == 0
        assert path.read_bytes().startswith(b"\x89PNG")
        assert "test/accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["improvement"], "the following arguments are required: --of, --over"),
        (
            ["improvement", "--of", "lr = 5", "--over", "lr = 0.1"],
            "there is no run such that lr = 5",
        ),
        (["importance", "--key", "optm.lr"], "did you mean 'optim.lr'"),
        (["importance", "--out", "a.tex"], "its suffix does not say what to write"),
    ],
)
def test_a_wrong_argument_is_answered_in_one_sentence(outputs, capsys, arguments, message):
    command, *rest = arguments
    try:
        code = main([command, outputs, *rest])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert message in capsys.readouterr().err
