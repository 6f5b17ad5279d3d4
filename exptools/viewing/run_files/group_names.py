"""Own names and colours of groups: the user's, kept in the user's data directory as stars are.

They belong to the directory that is looked at, and hold below it, too. Each has a file of its own
that is replaced atomically, so that two servers never undo what the other has kept. That of a group
with a hidden value is kept in memory: the next session may call another secret "hidden 1".
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from exptools.plain_json import parse_json
from exptools.viewing.cache_files import expect_own, make_private, read_kept, write_privately
from exptools.viewing.configs.secrets import has_hidden
from exptools.viewing.configs.values import comparison_key
from exptools.visible import visible

MAX_LABEL = 200  # characters
_MAX_FILE = 2**16  # bytes
_COLOR = re.compile("#[0-9a-f]{6}")  # it goes into the page's style as it is
_MAX_ID = 2**14  # characters


@dataclass(frozen=True)
class OwnName:
    """What a user calls a group, and draws it in."""

    label: str = ""  # "": as it is
    color: str = ""  # "#d9580a"; "": as the page draws it


NO_NAME = OwnName()


def group_id(keys: Sequence[str], values: Sequence[Any]) -> str:
    """What tells a group of runs from all others: the keys grouped by, and their values."""
    pairs = zip(keys, values, strict=True)
    return json.dumps([[key, repr(comparison_key(value))] for key, value in pairs])


class GroupNames:
    """The names for what lies below a directory."""

    def __init__(self, place: Path, path: Path | None = None) -> None:
        base = path or user_data_path("exptools", appauthor=False) / "groups"
        real = Path(os.path.realpath(place))
        # What is said of a directory holds below it; what is said nearer goes before.
        self._paths = [base / _digest(str(above)) for above in (real, *real.parents)]
        for named in self._paths:
            make_private(named)
        self._of_session: dict[str, OwnName] = {}  # of groups with hidden values

    def all(self) -> Mapping[str, OwnName]:
        """The names by ``group_id``."""
        names: dict[str, OwnName] = {}
        for path in reversed(self._paths):
            try:
                expect_own(path)
                files = sorted(path.glob("*.json"))
            except OSError:
                continue
            kept = dict(record for file in files if (record := _read(file)) is not None)
            names |= {group: name for group, name in kept.items() if not has_hidden(group)}
        return {**names, **self._of_session}

    def keep(
        self, group: str, *, label: str | None = None, color: str | None = None
    ) -> tuple[int | None, str]:
        """Change what is given: the time in ms since 1970, or None and why not."""
        before = self.all().get(group, NO_NAME)
        name = replace(
            before,
            label=before.label if label is None else " ".join(label.split())[:MAX_LABEL],
            color=before.color if color is None else color,
        )
        file = self._paths[0] / f"{_digest(group)}.json"
        try:
            if len(group) > _MAX_ID:
                return None, "This group has too long a name to be given another."
            if has_hidden(group):
                others = {g: n for g, n in self._of_session.items() if g != group}
                self._of_session = others if name == NO_NAME else {**others, group: name}
            elif name == NO_NAME:
                file.unlink(missing_ok=True)
            if name != self.all().get(group, NO_NAME):
                record = {"group": group, "label": name.label, "color": name.color}
                write_privately(file, json.dumps(record).encode())
        except OSError as error:
            return None, f"{self._paths[0]} cannot be written: {error.strerror}."
        return time.time_ns() // 1_000_000, ""

    def reset(self) -> tuple[int | None, str]:
        """Forget all names that were given here, or above."""
        self._of_session = {}
        for path in self._paths:
            try:
                shutil.rmtree(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                return None, f"{path} cannot be removed: {error.strerror}."
        return time.time_ns() // 1_000_000, ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def _read(file: Path) -> tuple[str, OwnName] | None:
    try:
        record = parse_json(read_kept(file, _MAX_FILE))
        label, color = record["label"], record["color"]
        if not isinstance(label, str) or not isinstance(color, str):
            raise ValueError("its label and color should be texts")
        if color and not _COLOR.fullmatch(color):
            raise ValueError(f"{color[:20]!r} is no colour")
        return str(record["group"]), OwnName(label, color)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError) as error:
        logging.getLogger(__name__).warning(
            "%s is no name of a group: %s", visible(str(file)), visible(str(error))
        )
        return None
