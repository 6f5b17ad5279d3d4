"""JSON of anybody is read in one way, which has one kind of error."""

import json
import math
import re
from pathlib import Path

import pytest

from exptools.plain_json import DEEPEST, parse_json
from exptools.viewing.cache_files import parse_kept

ROOT = Path(__file__).parent.parent


def test_what_is_nested_too_deeply_is_an_error_as_any_other():
    assert parse_json(b'{"a": [1, null]}') == {"a": [1, None]}
    for text in ("[" * 100_000, b'{"a":' * 100_000, "{", ""):
        with pytest.raises(ValueError, match=r"."):
            parse_json(text)


def test_more_levels_than_anybody_writes_are_an_error_with_any_python():
    def nested(levels):
        return "[" * levels + "]" * levels

    assert parse_json(nested(DEEPEST)) is not None
    assert len(parse_json(f"[{', '.join(['{}'] * 1000)}]")) == 1000
    assert parse_json(json.dumps(nested(300))) == nested(300)
    for text in (nested(DEEPEST + 1), f'{{"a": {nested(DEEPEST)}}}'.encode()):
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_json(text)


def test_what_json_has_written_is_read_as_it_was():
    written = {"size": [2**64 - 1, None, True, 0.1], "no UTF-8 \udcff": "\ud83d", "é\n": math.pi}
    assert parse_kept(json.dumps(written).encode()) == written
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_kept(b"[" * 100_000)


def test_all_json_is_read_in_this_way():
    modules = [*(ROOT / "exptools").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")]
    direct = re.compile(r"(?<![\w.])(or)?json\.loads?\(")
    others = [path.name for path in modules if direct.search(path.read_text("utf-8"))]
    assert sorted(others) == ["cache_files.py", "plain_json.py"]  # the former: our own
