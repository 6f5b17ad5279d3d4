"""1,000 recorded argument sets: ours is the original's answer where that is sane, else none.

Where rlpyt's answer is another one, it is the sane one: the original mixed up two arguments.
"""

import json
from typing import Any

import pytest

from exptools.launching import affinity
from exptools.launching.affinity import (
    AffinityError,
    affinity_from_code,
    decode_affinity,
    encode_affinity,
    get_n_run_slots,
    prepend_run_slot,
    remove_run_slot,
)
from tests.conftest import ORACLE

CASES = ORACLE / "affinity_public.json"

pytestmark = [
    pytest.mark.skipif(not CASES.is_file(), reason="the recorded answers are not here"),
    pytest.mark.filterwarnings("ignore:.* (will idle|two sockets)"),
]

# Flags whose cases have a sane answer all the same: rlpyt's, a refusal past the end, and what it
# was where hardware is wasted, with a warning.
SANE = {"past_end_slot_accepted", "alternating_forced_on", "set_affinity_false_ignored"}
SANE |= {"idle_cpu_core", "idle_gpu", "slot_crosses_socket_although_it_fits"}

Case = dict[str, Any]


@pytest.fixture(scope="module")
def oracle() -> Any:
    return json.loads(CASES.read_text())


def read_cpus(text: str | list[int]) -> tuple[int, ...]:
    if isinstance(text, list):
        return tuple(text)
    pairs = [part.split("-") for part in text.split(",") if part]
    return tuple(cpu for pair in pairs for cpu in range(int(pair[0]), int(pair[-1]) + 1))


def read(value: Any, key: str = "") -> Any:
    """An affinity as it was: CPUs are tuples."""
    if key == "workers_cpus":
        return tuple(map(read_cpus, value))
    if key.endswith("cpus"):
        return read_cpus(value)
    if isinstance(value, list):
        return [read(one) for one in value]
    return {k: read(v, k) for k, v in value.items()} if isinstance(value, dict) else value


def patched(original: Any, patch: Any) -> Any:
    """The original's answer with what is another one in rlpyt."""
    if patch is None:
        return original
    if isinstance(patch, list):
        return [patched(one, other) for one, other in zip(original, patch, strict=True)]
    return patch["whole"] if set(patch) == {"whole"} else original | patch


def is_sane(case: Case) -> bool:
    """Whether the original's audited answer, or rlpyt's instead, has nothing wrong."""
    answered = "flags" in case and case["outcome"] == "ok"
    return answered and not set(case["flags"]) - SANE and not counts_threads_as_cores(case)


def counts_threads_as_cores(case: Case) -> bool:
    """Whether the code's numbers contradict each other, though cores that idle hid it."""
    code = decode_affinity(case["encode"]["code"])
    return 0 < code.get("hto", code["cpu"]) < code["cpu"]


def theirs(case: Case) -> list[Any]:
    """What each recorded slot has."""
    patches = case.get("rlpyt", {}).get("slots") or [None] * len(case["slots"])
    slots = [patched(*pair) for pair in zip(case["slots"], patches, strict=True)]
    return [read(slot) for slot in slots]


def answers(case: Case, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    for name, value in case.get("detected", {}).items():
        names = {"hyperthread_offset": "get_hyperthread_offset", "n_socket": "get_n_socket"}
        monkeypatch.setattr(affinity, names[name], lambda value=value: value)
    code = encode_affinity(**case["args"])
    assert code == case["encode"]["code"]
    whole = remove_run_slot(code)[1] if "run_slot" in case["args"] else code
    slots = get_n_run_slots(whole)
    assert slots == case["n_run_slots"]
    affinities = [affinity_from_code(prepend_run_slot(n, whole)) for n in case["slot_indices"]]
    with pytest.raises(AffinityError):
        affinity_from_code(prepend_run_slot(slots, whole))
    return affinities


def test_every_argument_set_has_its_sane_answer_or_a_refusal(
    oracle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = set()
    for case in oracle["cases"]:
        try:
            ours = answers(case, monkeypatch)
        except AffinityError as error:
            assert len(str(error)) > 20  # noqa: PT017 (any of a thousand may be refused)
            refused.add(case["id"])
        else:
            if is_sane(case) or not case.get("flags"):
                assert ours == theirs(case), case["id"]
            else:  # the original put samplers on several sockets where others were
                assert case["args"]["optim_sample_share_gpu"], case["id"]
                assert "skt" in case["encode"]["code"], case["id"]
    sane = {case["id"] for case in oracle["cases"] if is_sane(case)}
    assert len(sane) > 500
    assert not refused & sane


def test_what_the_original_writes_is_read(oracle: Any) -> None:
    for case in oracle["helpers"]["codes_by_hand"]:
        theirs = case["decode_affinity"]
        if "raises" in theirs or min(theirs.values()) < 0 or theirs.get("cpr") == 0:
            with pytest.raises(AffinityError):
                decode_affinity(case["code"])
        else:
            assert decode_affinity(case["code"]) == theirs
