"""Which generators the program has seeded, told by their state alone."""

import random

import numpy as np
import pytest

from exptools.launching.jobs.random_state import RandomState, is_seeded


@pytest.mark.parametrize("seed", [0, -5, 2**31, 2**70, "a word", b"bytes", 0.5])
@pytest.mark.parametrize("draws", [0, 1, 625, 5000])
def test_a_seed_is_seen_also_after_numbers_were_drawn(seed: object, draws: int) -> None:
    generator = random.Random(seed)
    for _ in range(draws):
        generator.getrandbits(32)
    assert is_seeded(generator.getstate())


def test_what_python_chooses_is_no_seed() -> None:
    assert not any(is_seeded(random.Random().getstate()) for _ in range(3))


def test_generators_without_a_seed_get_other_numbers_and_the_others_keep_theirs() -> None:
    unseeded = [random.Random(), np.random.default_rng(), np.random.RandomState()]
    seeded = [random.Random(1), np.random.default_rng(2), np.random.RandomState(3)]
    expected = [random.Random(1), np.random.default_rng(2), np.random.RandomState(3)]
    state = RandomState([*unseeded, *seeded])
    drawn = []
    for _ in range(2):  # two jobs that were forked from here
        state.settle()
        drawn += [unseeded[0].random(), unseeded[1].random(), unseeded[2].random_sample()]
    assert len(set(drawn)) == 6
    assert [g.random() for g in seeded[:2]] == [g.random() for g in expected[:2]]
    assert seeded[2].random_sample() == expected[2].random_sample()


def test_the_seed_of_pythons_own_generator_holds_in_each_job() -> None:
    before = random.getstate()
    try:
        random.seed(1)
        state = RandomState([])
        drawn = []
        for _ in range(2):
            random.seed()  # as Python does in a fork
            state.settle()
            drawn.append(random.random())
    finally:
        random.setstate(before)
    assert drawn == [random.Random(1).random()] * 2
