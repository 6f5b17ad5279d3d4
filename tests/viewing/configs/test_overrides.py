"""Overrides read as Hydra reads them; what it read is written here, so that no test needs it."""

import math

import pytest

from exptools.viewing.configs.overrides import parse_override

AS_HYDRA = {
    "lr=1e-05": 1e-05,
    "lr=.5": 0.5,
    "lr=5.": 5.0,
    "n=1_000": 1000,
    "n=+3": 3,
    "x=010": "010",
    "x=1__0": "1__0",
    "x=e5": "e5",
    "x=-inf": -math.inf,
    "x=True": True,
    "x=No": "No",  # YAML's, not Hydra's
    "x=null": None,
    "x=": "",
    "x='a b'": "a b",
    "x='it\\'s'": "it's",
    "x=[64,64]": (64, 64),
    "x=[a,'b c',1.5,[1]]": ("a", "b c", 1.5, (1,)),
    "x={a:1,b:[2,3]}": {"a": 1, "b": (2, 3)},
    "x={a:{b:c}}": {"a": {"b": "c"}},
    "x=[a:b]": ("a:b",),
    "x=http://h/p": "http://h/p",
    "x=a\\,b": "a,b",
    "x=[]": (),
    "x={}": {},
    "x=${lr}": "${lr}",
    "x=2026-01-01": "2026-01-01",
    "x='[1]'": "[1]",
}


@pytest.mark.parametrize("text", AS_HYDRA)
def test_a_value_is_what_hydra_reads(text):
    value = parse_override(text).value
    assert value == AS_HYDRA[text]
    assert type(value) is type(AS_HYDRA[text]) or isinstance(AS_HYDRA[text], dict)


def test_what_is_set_added_and_removed_is_told_apart():
    assert parse_override("a.b=1")[:2] == ("", "a.b")
    assert parse_override("+a.b=1")[:2] == ("+", "a.b")
    assert parse_override("++a.b=1")[:2] == ("++", "a.b")
    assert parse_override("~a") == ("~", "a", None)
    assert parse_override("optim@inner=adam")[1:] == ("optim@inner", "adam")
    assert parse_override("first run") is None
    assert parse_override("run") is None


@pytest.mark.parametrize(
    "text",
    ["[1", "[" * 5000, "{a}", "{a:1", "[1]2", "['", '["a, b]', "[a'b]", "{'a: 1}", "[1,,2]", "]"],
)
def test_what_cannot_be_read_stays_the_text_that_was_typed(text):
    assert parse_override(f"x={text}").value == text
