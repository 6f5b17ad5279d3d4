"""Keys found by what people type, and shown so that they can be typed."""

import pytest

from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import find_keys
from exptools.viewing.groups.names import KeyNames
from tests.viewing.samples import run_with

KEYS = {
    *("optim.lr", "model.lr", "model.width", "seed", "data.seed", r"a\.b.c", "run.id", "data.in"),
    *("algo.state", "env.Name", "summary.result", "summary.test.best", "name"),
}
NAMES = KeyNames(KEYS)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("model.lr", "model.lr"),
        ("width", "model.width"),
        ("seed", "seed"),  # a whole name is no other's end
        ("SEED", "seed"),
        ("Width", "model.width"),
        ("MODEL.LR", "model.lr"),
        ("c", r"a\.b.c"),
        ("id", "run.id"),
        ("state", "state"),  # the runs' own come first
        ("State", "state"),
        ("sweep", "sweep"),
        ("result", "summary.result"),
        ("best", "summary.test.best"),
        ("Name", "env.Name"),
        ("run.name", "run.name"),
        ("config.name", "config.name"),
        ("config.width", "model.width"),  # of the configs, by its end
        ("config.state", "algo.state"),
    ],
)
def test_an_end_that_no_other_key_has_is_the_key(typed, key):
    assert NAMES.find(typed) == key


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("lr", "several keys are 'lr' at their end: say which of model.lr, optim.lr"),
        ("LR", "several keys are 'LR' at their end: say which of model.lr, optim.lr"),
        ("name", r"say run\.name or config\.name"),
        ("witdh", r"no run has a key 'witdh'; did you mean 'model\.width'\?"),
        ("widht", r"did you mean 'model\.width'"),
        ("config.lr", "say which of model.lr, optim.lr"),
        ("config.result", "no run has a key 'config.result'"),  # a summary says it
        ("optim", r"no run has a key 'optim'; it is a section of their configs: it has optim\.lr"),
        ("b.c", "no run has a key"),  # half of a part is no end
        ("", "no run has a key"),
    ],
)
def test_what_names_no_key_or_several_says_which_there_are(typed, sentence):
    with pytest.raises(QueryError, match=sentence):
        NAMES.find(typed)


def test_the_nearest_end_of_a_key_is_meant_before_a_name_that_has_the_letters_in_it():
    names = KeyNames({"optim.lr", "seed", "summary.result"})
    with pytest.raises(QueryError, match=r"did you mean 'optim\.lr'\?"):
        names.find("lt")
    with pytest.raises(QueryError, match=r"did you mean 'summary\.result'\?"):
        names.find("reslut")


def test_every_key_is_shown_by_a_short_name_that_finds_it():
    whole = {NAMES.find(key) for key in KEYS - {"name"}} | {"run.name", "config.name", "state"}
    short = {key: NAMES.short(key) for key in whole}
    assert {NAMES.find(name) for name in short.values()} == whole
    assert short["model.width"] == "width"
    assert short["model.lr"] == "model.lr"
    assert short["data.in"] == "data.in"  # "in" is a word of the conditions
    assert short["algo.state"] == "algo.state"
    assert short["summary.result"] == "result"


def test_what_an_object_held_in_memory_makes_no_end_ambiguous():
    names = KeyNames({"net.hidden", "self.<Agent object at 0x…>.net.hidden"})
    assert names.find("hidden") == "net.hidden"
    assert names.find("self.<Agent object at 0x…>.net.hidden").startswith("self.")
    assert names.short("self.<Agent object at 0x…>.net.hidden").startswith("self.")


def test_a_key_that_does_not_differ_counts_for_short_names_too():
    runs = [run_with(str(lr), optim__lr=lr, schedule__lr=0) for lr in (1, 2)]
    (key,) = find_keys(runs, ["optim.lr"])
    assert key.short == "optim.lr"
