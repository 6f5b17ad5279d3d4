"""Runs in W&B's local directories: ``wandb/run-<time>-<id>``, ``wandb/offline-run-<time>-<id>``.

Online a run has its config and its summary in ``files/``; offline they are in the transaction log
alone, of which the config is read.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

from exptools.plain_files import open_plain
from exptools.plain_json import parse_json
from exptools.rundir import State
from exptools.viewing.configs.parsing import flat_settings
from exptools.viewing.readers.description import Description, Reader, RunTexts, usual_sources
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source, TrackedStatus
from exptools.viewing.wandb_log import BLOCK, BrokenRecord, path_of, read_end, read_log, seconds_of
from exptools.viewing.wording import escape_invalid_unicode
from exptools.visible import visible_lines

_NAME = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-(.+)")
_FILES = "files"
_CONFIG, _SUMMARY = f"{_FILES}/config.yaml", f"{_FILES}/wandb-summary.json"
_META = f"{_FILES}/wandb-metadata.json"
_KEY = re.compile(r"((?:[^.\\]|\\.)*)\.value(?:\.(.*))?", re.DOTALL)  # of config.yaml, flat
_OF_WANDB = ("_wandb", "wandb_version")
_END = 8 * BLOCK  # bytes: the beginning of a log has the run's config, its end how it ended
_BY_CTRL_C = 255  # W&B's exit code of a run that was interrupted
# W&B notes the machine's load every few seconds, but some versions write no sooner than 32 KiB.
PATIENCE = 3600.0  # seconds


def _files(listing: Listing) -> tuple[str, ...] | None:
    log = _log(listing.path)
    if log is None or not (_FILES in listing.directories or log in listing.files):
        return None
    return (_CONFIG, _SUMMARY, _META, log) if _FILES in listing.directories else (log,)


def _log(directory: str) -> str | None:
    """The name of the transaction log of a run that stands in a directory."""
    name = _NAME.fullmatch(os.path.basename(directory))
    return f"run-{name[1]}.wandb" if name else None


def _sources(listing: Listing) -> tuple[Source, ...]:
    log = _log(listing.path)
    own = (Source("wandb", (f"{listing.path}/{log}",)),) if log in listing.files else ()
    return (*own, *usual_sources(listing))


def _read(run: RunTexts) -> Description:
    ends = _json(run, _log(run.directory) or "", _read_ends)
    meta = run.json(_META).config
    described = run.yaml(_CONFIG)
    config = _unwrapped(described.config)
    if not config:
        config = flat_settings({k: v for k, v in ends.get("config", {}).items() if k != "_wandb"})
    return Description(
        config=config,
        status=_status(ends, meta),
        faults=described.faults,
        summary=_summary(run, ends),
    )


def _json(
    run: RunTexts, name: str, read: Callable[[str, int], str] | None = None
) -> Mapping[str, Any]:
    """What a file says as JSON; nothing where it is not there, or no such file."""
    if name not in run.signatures:
        return {}
    with suppress(OSError, ValueError, RecursionError):
        values = parse_json(run.text(name, read=read) if read else run.text(name))
        return values if isinstance(values, dict) else {}
    return {}


def _unwrapped(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config of a ``config.yaml``, in which each value stands below "value"."""
    found = ((_KEY.fullmatch(key), value) for key, value in config.items())
    return MappingProxyType(
        {
            key[1] if key[2] is None else f"{key[1]}.{key[2]}": value
            for key, value in found
            if key and key[1] not in _OF_WANDB
        }
    )


def _summary(run: RunTexts, ends: Mapping[str, Any]) -> Mapping[str, Any]:
    """What W&B says of the run as a whole: not what it has from the last rows of its history."""
    name = {"run_name": ends["name"]} if ends.get("name") else {}
    last = ends.get("last", {})
    said = {
        visible_lines(key): escape_invalid_unicode(v) if isinstance(v, str) else v
        for key, v in _json(run, _SUMMARY).items()
        if not key.startswith("_") and isinstance(v, (bool, int, float, str)) and last.get(key) != v
    }
    return MappingProxyType(name | said)


def _status(ends: Mapping[str, Any], meta: Mapping[str, Any]) -> TrackedStatus | None:
    """How a run stands, which only its log tells."""
    started = ends.get("started") or _unix(meta.get("startedAt"))
    if not ends or started is None:
        return None
    code, commit = ends["exit_code"], meta.get("git.commit")
    states = {None: State.RUNNING, 0: State.COMPLETED, _BY_CTRL_C: State.INTERRUPTED}
    words = (meta.get("program"), *_texts(meta.get("args")))
    return TrackedStatus(
        state=states.get(code, State.FAILED),
        host=str(meta.get("host") or ends["host"]),
        started=started,
        ended=None if code is None else ends["seen"],
        exit_code=code,
        git={"commit": commit} if isinstance(commit, str) else None,
        command=_texts(words) if words[0] else (),
        seen=ends["seen"] or started,
        patience=PATIENCE,
    )


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, tuple) else ()


def _unix(time: Any) -> float | None:
    """Unix seconds of a time that is UTC, whether it says so or not."""
    with suppress(TypeError, ValueError, OverflowError):
        moment = datetime.fromisoformat(time.removesuffix("Z") if isinstance(time, str) else time)
        return moment.replace(tzinfo=timezone.utc).timestamp()
    return None


def _read_ends(path: str, _limit: int) -> str:
    """What the first and the last records of a log say of the run, as JSON."""
    with open(path, "rb", opener=open_plain) as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise OSError("no regular file")
        head = file.read(_END)
        file.seek(max(_END, (info.st_size // BLOCK) * BLOCK - _END))
        tail = file.read(2 * _END)
    said = _Said()
    with suppress(BrokenRecord):  # it is a fault when the history is read
        said.take(read_log(head))
    with suppress(BrokenRecord):
        said.take(read_end(tail))
    return said.as_json()


class _Said:
    """What the records of a log say of the run."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}
        self.name = self.host = ""
        self.started: float | None = None
        self.seen: float | None = None  # the last time that it says
        self.exit_code: int | None = None
        self._last: dict[tuple[str, ...], bytes] = {}  # what was logged, as JSON

    def take(self, records: Iterator[Any]) -> None:
        """Take what more records say, in their order."""
        for record in records:
            if record.HasField("run"):
                self._take_run(record.run)
            elif record.HasField("config"):
                self._configure(record.config)
            elif record.HasField("exit"):
                self.exit_code = record.exit.exit_code
            else:
                self._see(record)

    def as_json(self) -> str:
        """All of it."""
        last: dict[str, Any] = {}
        for path, text in self._last.items():
            with suppress(ValueError):
                last[".".join(path)] = parse_json(text)
        return json.dumps({**vars(self), "_last": None, "last": last})

    def _take_run(self, run: Any) -> None:
        self._configure(run.config)
        self.name = run.display_name.decode(errors="replace")
        self.host = run.host.decode(errors="replace")
        if run.HasField("start_time"):
            self.started = self.seen = seconds_of(run.start_time)

    def _configure(self, config: Any) -> None:
        for item in config.update:
            *above, key = path_of(item)
            within = self.config
            for name in above:
                if not isinstance(within.get(name), dict):
                    within[name] = {}
                within = within[name]
            with suppress(ValueError):
                within[key] = parse_json(item.value_json)
        for item in config.remove:
            self.config.pop(path_of(item)[0], None)

    def _see(self, record: Any) -> None:
        for kind in ("stats", "output_raw"):
            if record.HasField(kind):
                self.seen = seconds_of(getattr(record, kind).timestamp)
        if record.HasField("history"):
            row = {path_of(item): item.value_json for item in record.history.item}
            self._last |= row
            with suppress(ValueError):
                self.seen = float(row.get(("_timestamp",), b""))


READER = Reader(
    *("wandb", _files, _read, _sources),
    belongs="alone",
    parts=(_FILES, "logs", "tmp"),
    marks="the name run-<time>-<id> (W&B)",
)
