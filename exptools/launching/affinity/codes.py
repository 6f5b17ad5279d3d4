"""Affinity codes: a machine and how it is divided between runs, in a word such as "8cpu_2gpu".

The format is rlpyt's (``rlpyt/utils/launching/affinity.py``): numbers, each with the abbreviation
of what it counts. What this module writes, rlpyt and the original exptools read, and the reverse.
"""

from __future__ import annotations

import difflib
import operator
import re
from typing import Any

RUN_SLOT = "slt"
# The arguments of encode_affinity by their abbreviations, in the order in which they are written.
ARGUMENTS = {
    "cpu": "n_cpu_core",
    "gpu": "n_gpu",
    "cxg": "contexts_per_gpu",
    "gpr": "gpu_per_run",
    "cpr": "cpu_per_run",
    "cpw": "cpu_per_worker",
    "hto": "hyperthread_offset",
    "skt": "n_socket",
    "res": "cpu_reserved",
    "ass": "async_sample",
    "sgr": "sample_gpu_per_run",
    "oss": "optim_sample_share_gpu",
    "alt": "alternating",
    "saf": "set_affinity",
}
_LEAST = dict.fromkeys(("gpu", "hto", "res", "ass", "sgr", "oss", "alt", "saf"), 0)  # others: 1
_EXAMPLE = "such as 8cpu_2gpu or 4cpu_0gpu_1cpr"


class AffinityError(ValueError):
    """A code, or what it should say, makes no sense; the message says why."""


def encode(values: dict[str, int]) -> str:
    """The code of values by their abbreviations; defaults are left out where rlpyt does."""
    checked = {name: _checked(name, value) for name, value in values.items()}
    cpu, gpu = checked["cpu"], checked["gpu"]
    defaults = {"cxg": 1, "gpr": 1, "cpw": 1, "hto": cpu, "skt": 1, "res": 0, "saf": 1}
    defaults |= dict.fromkeys(("ass", "sgr", "oss", "alt"), 0)
    if gpu:
        defaults["cpr"] = checked["cpr"]  # it is said for runs without GPUs only
    parts = [f"{checked[name]}{name}" for name in ARGUMENTS if checked[name] != defaults.get(name)]
    return "_".join(parts)


def decode_affinity(affinity_code: str) -> dict[str, int]:
    """The numbers of a code by their abbreviations, without those that it leaves out.

    Raises:
        AffinityError: it is no code, or it has a run slot.
    """
    values: dict[str, int] = {}
    for part in str(affinity_code).strip().split("_"):
        match = re.fullmatch(r"(\d+)([a-z]+)", part)
        if match is None:
            raise AffinityError(
                f"{affinity_code!r} is no affinity code: {part!r} is no number with an "
                f"abbreviation; codes are {_EXAMPLE}"
            )
        name = match[2]
        if name == RUN_SLOT:
            raise AffinityError(
                f"{affinity_code!r} has a run slot where none belongs: remove_run_slot splits it"
            )
        if name not in ARGUMENTS:
            close = difflib.get_close_matches(name, ARGUMENTS, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise AffinityError(
                f"{affinity_code!r} is no affinity code: there is no {name!r}; {hint}"
                f"There are {', '.join(ARGUMENTS)}"
            )
        if name in values:
            raise AffinityError(f"{affinity_code!r} is no affinity code: it has {name!r} twice")
        values[name] = _checked(name, int(match[1]))
    return values


def prepend_run_slot(run_slot: int, affinity_code: str) -> str:
    """The code of one run: which of the code's slots it has.

    Raises:
        AffinityError: the slot is no number from 0 up.
    """
    return f"{_whole('run_slot', run_slot, 0)}{RUN_SLOT}_{affinity_code}"


def remove_run_slot(run_slot_affinity_code: str) -> tuple[int, str]:
    """The slot of a run's code, and the rest.

    Raises:
        AffinityError: the code does not begin with a slot.
    """
    match = re.fullmatch(rf"(\d+){RUN_SLOT}_(.*)", str(run_slot_affinity_code).strip())
    if match is None:
        raise AffinityError(
            f"{run_slot_affinity_code!r} does not begin with a run slot, as 0slt_4cpu_0gpu_1cpr "
            "does: prepend_run_slot puts one there"
        )
    return int(match[1]), match[2]


def _checked(name: str, value: object) -> int:
    return _whole(ARGUMENTS[name], value, _LEAST.get(name, 1))


def _whole(name: str, value: Any, least: int) -> int:
    try:
        number = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise AffinityError(f"{name} is {value!r}; it should be a whole number, {least} or more")
    return number
