"""What an error says of a wrong name."""

import difflib

from exptools import hints
from exptools.hints import MOST_COMPARED, nearest


def test_the_most_similar_of_very_many_names_is_found_by_comparing_few(monkeypatch):
    compared = []
    close_matches = difflib.get_close_matches

    def counted(given, names, **options):
        compared.extend(names)
        return close_matches(given, names, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    names = [f"{'x' * 230}{number}" for number in range(2 * MOST_COMPARED)]
    assert nearest("learning_rat", [*names, "learning_rate"]) == "learning_rate"
    assert len(compared) <= MOST_COMPARED
    assert nearest("y" * (hints.LONGEST_COMPARED + 1), names) is None
    assert len(compared) <= MOST_COMPARED
