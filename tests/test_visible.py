"""Somebody else's text where it can do nothing."""

import sys
import unicodedata

import pytest

from exptools.visible import visible, visible_lines, whole


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("photo\u202egnp.exe", r"photo\u202egnp.exe"),
        ("\u2066a\u2069 \u200b\ufeff", r"\u2066a\u2069 \u200b\ufeff"),
        ("\x9b31m \udcff", r"\x9b31m \udcff"),
        ("\U000e0041", r"\U000e0041"),
        ("optim.lr=0.1 é 日本 שלום\xa0μ", "optim.lr=0.1 é 日本 שלום\xa0μ"),
        ("👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"),
    ],
)
def test_what_steers_a_screen_is_shown_and_all_else_stays(text, shown):
    assert visible(text) == shown
    assert visible(visible(text)) == shown


def test_lines_stay_lines():
    assert visible_lines("a\r\n\tb\rc\x1b[2J\n") == "a\n\tb\\rc\\x1b[2J\n"


def test_no_control_and_no_mark_of_direction_is_left():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    left = {unicodedata.bidirectional(c) for c in visible(every)}
    assert not left & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [c for c in visible(every) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("short", "'short'"),
        ([1, "a"], "[1, 'a']"),
        ("secret" * 9, "a long text"),
        (["secret" * 9], "a long list"),
        ({"secret" * 9: 1}, "a long object"),
        (10**60, "a long number"),
    ],
)
def test_a_value_is_quoted_whole_or_not_at_all(value, shown):
    assert whole(value) == shown
