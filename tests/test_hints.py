"""What an error says of a wrong name."""

import difflib

from exptools.hints import LONGEST_COMPARED, MOST_COMPARED, nearest


def test_the_most_similar_of_very_many_names_is_found_by_comparing_few(monkeypatch):
    compared = []
    close_matches = difflib.get_close_matches

    def counted(given, names, **options):
        compared.append(len(given) * sum(map(len, names)))
        return close_matches(given, names, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    names = [f"{'x' * 190}{number:04}" for number in range(4000)]
    assert nearest("learning_rat", [*names, "learning_rate"]) == "learning_rate"
    assert nearest("y" * LONGEST_COMPARED, names) is None
    assert nearest("y" * (LONGEST_COMPARED + 1), names) is None
    assert len(compared) == 2
    assert max(compared) <= MOST_COMPARED
