"""What two sweeps differ in."""

from exptools.viewing.groups.differences import compare
from exptools.viewing.run import Run


class Key(str):
    """A key that counts how often one is asked whether it is another."""

    asked = 0

    def __eq__(self, other: object) -> bool:
        Key.asked += 1
        return str(self) == other

    __hash__ = str.__hash__


def test_each_key_of_two_sweeps_is_looked_at_a_few_times_however_many_there_are():
    configs = [{Key(f"{at % 4}_{number}"): at for number in range(100)} for at in range(8)]
    runs = [Run(None, "0", "s", config, None, None) for config in configs]
    Key.asked = 0
    found = compare(runs[:4], runs[4:])
    assert len(found.matched_by) == 400  # to have none of a key is a value
    assert Key.asked < 100 * len(found.matched_by)
