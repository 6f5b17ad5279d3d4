"""What the original answered, case by case, and where ours is another answer on purpose."""

import json
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exptools.collections import AttrDict
from exptools.launching.variant import (
    VARIANT_FILE,
    VariantLevel,
    flatten_variant4hparams,
    load_variant,
    make_variants,
    save_variant,
    update_config,
)
from tests.conftest import ORACLE

CASES = ORACLE / "variants.json"

pytestmark = pytest.mark.skipif(not CASES.is_file(), reason="the recorded answers are not here")

# What docs/compat.md lists, by the case's number. Ours raises a ValueError with a sentence.
REFUSED = {
    *(12, 13, 18),  # a value was overwritten in silence
    *(14, 15, 16, 17),  # a value stood where a branch should be
    *(23, 24, 25, 26, 27, 41),  # malformed levels: an assertion or an IndexError
    *(28, 29, 44),  # a text was walked letter by letter
    *(38, 39),  # an absolute dir_name dropped those before it
    *(71, 88),  # two keys became one
    *(84, 85, 86, 87, 89),  # no JSON object
    *(97, 98, 99, 101, 102),  # two flattened keys became one; a key is no text
}
# Ours answers where the original failed or its answer was wrong.
CORRECTED: dict[int, Any] = {
    19: [{"a": {"x": 1, "y": 10}}, {"a": {"x": 1, "y": 20}}],
    31: [{0: 1, "b": 2}],
    32: [{"copy": 1, "b": 2}],
    33: [{"self": 1, "b": 2}],
    34: [{"items": 1, "b": 2}],
    62: {1: "b"},
    65: {"a": {"x": [1]}, "b": {"y": [2]}},
    77: {"a": 1.5},
    95: {"s": "t", "n": "None", "l": "[1, 2]", "t": "(1,)", "b": True, "d": "{}"},
    107: {"a.b": "{}", "c": 1},
}

TAGS: dict[str, Callable[[Any], Any]] = {
    "tuple": lambda v: tuple(map(untag, v)),
    "set": lambda v: set(map(untag, v)),
    "bytes": lambda v: v.encode("latin-1"),
    "float": float,
    "complex": lambda v: complex(*v),
    "Decimal": Decimal,
    "Fraction": Fraction,
    "AttrDict": lambda v: AttrDict((untag(key), untag(value)) for key, value in v),
    "dict": lambda v: {untag(key): untag(value) for key, value in v},
    "ndarray": np.array,
    "class": {"int": int}.get,
}


def untag(value: Any) -> Any:
    if isinstance(value, list):
        return [untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: untag(item) for key, item in value.items()}
    kind = value["$"]
    make = getattr(np, kind.removeprefix("numpy.")) if kind.startswith("numpy.") else TAGS[kind]
    return make(value["v"])


def answer(case: dict[str, Any], directory: Path) -> Any:
    function, given = case["function"], untag(case["input"])
    if function == "make_variants":
        levels = [VariantLevel(**level) for level in given["levels"]]
        variants, log_dirs = make_variants(*levels, **given.get("kwargs", {}))
        return {"variants": variants, "log_dirs": log_dirs}
    if function == "update_config":
        result = update_config(given["default"], given["variant"])
        if "then" in given:
            result["b"]["y"].append(99)
            return {"default_after_changing_result": given["default"]}
        return result
    if function == "load_variant":
        if given["file_text"] is not None:
            (directory / VARIANT_FILE).write_text(given["file_text"])
        return load_variant(directory)
    if function == "flatten_variant4hparams":
        return flatten_variant4hparams(given["variant"])
    target = directory / "missing" if function == "save_variant" else directory
    save_variant(given["variant"], target)
    return {"loaded": load_variant(target)}


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, float) and math.isnan(theirs):
        return isinstance(ours, float) and math.isnan(ours)
    return type(ours) is type(theirs) and bool(ours == theirs)


def check_refusal(number: int, case: dict[str, Any], error: Exception, directory: Path) -> None:
    """It is one that is expected, in a sentence, and no half of a file is left."""
    assert number not in CORRECTED
    kind = "ValueError" if number in REFUSED else case["raises"]
    assert any(base.__name__ == kind for base in type(error).__mro__)
    assert len(str(error)) > 20
    assert case["function"] == "load_variant" or not list(directory.iterdir())


def check_answer(number: int, case: dict[str, Any], ours: Any, directory: Path) -> None:
    assert number not in REFUSED
    if number in CORRECTED:
        inner = [ours.get(k) for k in ("variants", "loaded", "default_after_changing_result")]
        ours = next((value for value in inner if value is not None), ours)
        assert same(ours, CORRECTED[number])
        return
    theirs = untag(case["result"])
    assert same(ours, dict(theirs["pairs"]) if "pairs" in theirs else theirs)
    if "file_text" in case.get("after", {}):
        assert (directory / VARIANT_FILE).read_text() == case["after"]["file_text"]


def test_every_recorded_case_has_its_sane_answer_or_a_refusal(tmp_path: Path) -> None:
    for number, case in enumerate(json.loads(CASES.read_text())["cases"]):
        directory = tmp_path / f"{case['id']} {case['name']}".replace("/", "_")
        directory.mkdir()
        try:
            ours = answer(case, directory)
        except Exception as error:  # noqa: BLE001 (whichever the case raises)
            check_refusal(number, case, error, directory)
        else:
            check_answer(number, case, ours, directory)
