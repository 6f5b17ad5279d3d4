"""What is remembered of runs' texts while a server stays up, and a file says others each second."""

import pytest

from exptools.viewing import memo
from exptools.viewing.configs import parsing, secrets
from exptools.viewing.configs.parsing import YamlParser
from exptools.viewing.configs.secrets import Secrets
from exptools.viewing.memo import Memo


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setattr(memo, "MOST_LETTERS", 10_000)
    monkeypatch.setattr(secrets, "MOST_LETTERS", 10_000)
    monkeypatch.setattr(parsing, "MOST_MERGED", 100)


def test_a_memo_forgets_when_it_has_been_asked_too_much():
    asked = []
    lengths = Memo(lambda text: asked.append(text) or len(text))
    assert [lengths["a" * (1000 + number)] for number in range(100)] == [*range(1000, 1100)]
    assert len(lengths) < 10
    assert lengths["a" * 1099] == 1099
    assert len(asked) == 100


def test_configs_that_are_written_anew_are_not_remembered_for_ever():
    parser = YamlParser()
    for number in range(200):
        text = f"k{number}: '{'x' * 500}'\nlr: {number}\n"
        assert parser.parse(parser.cut(text))["lr"] == number
    kept = (parser._sections, parser._keys, parser._first)
    assert max(map(len, kept)) < 50
    assert sum(map(len, parser._merged_first.values())) <= 100


def test_keys_that_were_met_once_are_not_remembered_for_ever():
    hidden = Secrets()
    for number in range(500):
        config = {"api_key": f"sk-{number}", f"lr_{number}": 1}
        shown = hidden.config(config)
        assert shown["api_key"].startswith("hidden ")
        assert shown[f"lr_{number}"] == 1
    assert len(hidden._met[0]) < 200


def test_secrets_that_are_too_many_to_count_are_told_apart_all_the_same(monkeypatch):
    monkeypatch.setattr(secrets, "_NUMBERS", secrets._Numbers())
    monkeypatch.setattr(secrets, "MOST_COUNTED", 2)
    hidden = Secrets()
    shown = [hidden.config({"api_key": f"sk-{number}"})["api_key"] for number in range(5)]
    assert shown[:2] == ["hidden 1", "hidden 2"]
    assert len({*shown}) == 5
    again = [hidden.config({"api_key": f"sk-{number}"})["api_key"] for number in range(5)]
    assert again == shown
    assert secrets._NUMBERS._counted == 2
