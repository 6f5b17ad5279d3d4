"""Random numbers in forked jobs: each job's own, but where the program has given a seed."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from typing import Any

_WORD = 0xFFFFFFFF
_SIZE, _SHIFT = 624, 397  # of Python's generator, the Mersenne Twister
_LONGEST_SEED = 64  # words
_ENOUGH = 3 * _LONGEST_SEED  # words of a state in which to see that something is repeated
_ROUNDS = 10  # of 624 words each, which the program may have drawn after it has given the seed


class RandomState:
    """The generators of a process that is to be forked, and which of them the program has seeded.

    A seed holds in each job, as in the program if it ran that job alone. Generators without one
    would give each fork the same numbers, and get others there.
    """

    def __init__(self, objects: Iterable[Any]) -> None:
        """Look among all objects of this process."""
        numpy_random, torch = sys.modules.get("numpy.random"), sys.modules.get("torch")
        self._python = random.getstate()  # Python itself gives each fork another
        self._python_is_seeded = is_seeded(self._python)
        self._unseeded: list[Any] = []  # those that have a method to be seeded anew
        self._unseeded_bits: list[Any] = []  # those of NumPy's newer generators
        for obj in objects:
            if type(obj) is random.Random:
                self._unseeded += [] if is_seeded(obj.getstate()) else [obj]
            elif numpy_random is None:
                continue
            elif type(obj) is numpy_random.RandomState:  # NumPy's global one is among them
                self._unseeded += [obj] if _is_own_choice(obj._bit_generator) else []
            elif type(obj) is numpy_random.Generator:
                bits = obj.bit_generator
                self._unseeded_bits += [bits] if _is_own_choice(bits) else []
        # Who gives a seed gives a short one; torch's own choice has 53 or 64 bits.
        if torch is not None and torch.initial_seed() >= 1 << 32:
            self._unseeded.append(torch.default_generator)

    def settle(self) -> None:
        """Give a job that was just forked its generators.

        Those of GPUs are made, each with a seed of its own, when a job opens its GPU.
        """
        for generator in self._unseeded:
            generator.seed()
        for bits in self._unseeded_bits:
            bits.state = type(bits)().state
        if self._python_is_seeded:
            random.setstate(self._python)


def _is_own_choice(bit_generator: Any) -> bool:
    """Whether one of NumPy's has chosen its seed, which has 128 bits.

    Who gives one gives a short one; ``numpy.random.seed`` leaves none.
    """
    sequence = getattr(bit_generator, "_seed_seq", None)
    entropy = getattr(sequence, "entropy", None)
    return isinstance(entropy, int) and entropy >= 1 << 64


def is_seeded(state: tuple[Any, ...]) -> bool:
    """Whether a state of Python's generator comes from a seed that was given.

    A seed is mixed into the state word by word, again and again until all 624 are used, and that
    can be undone. What Python chooses itself has 624 words, so nothing is repeated.
    """
    words = list(state[1][:_SIZE])
    for _ in range(_ROUNDS):
        seed = _seed_in(words)
        if any(seed[length:] == seed[:-length] for length in range(1, _LONGEST_SEED)):
            return True
        words = _before_drawing(words)
    return False


def _seed_in(words: list[int]) -> list[int]:
    """Words that were mixed into a state that nothing was drawn from: ``init_by_array``, undone."""
    first, seed = 19650218, []
    mixed = [(words[i] + i & _WORD) ^ _times(words[i - 1], 1566083941) for i in range(_ENOUGH)]
    for i in range(1, _ENOUGH):
        first = (_times(first, 1812433253) + i) & _WORD
        if i > 3:
            seed.append((mixed[i] - (first ^ _times(mixed[i - 1], 1664525))) & _WORD)
    return seed


def _before_drawing(words: list[int]) -> list[int]:
    """The state from which a state was made when its words were used up."""
    words = list(words)
    for i in reversed(range(_SIZE)):
        high = _untwist(words[i] ^ words[(i + _SHIFT) % _SIZE])
        low = _untwist(words[i - 1] ^ words[(i + _SHIFT - 1) % _SIZE])
        words[i] = (high & 0x80000000) | (low & 0x7FFFFFFF)
    return words


def _untwist(word: int) -> int:
    odd = word >> 31
    return ((word ^ 0x9908B0DF if odd else word) << 1 | odd) & _WORD


def _times(word: int, factor: int) -> int:
    return (word ^ word >> 30) * factor & _WORD
