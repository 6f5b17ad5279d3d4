"""Runs in MLflow's file store: ``mlruns/<experiment>/<run>/`` with ``meta.yaml``, ``params/`` …"""

from __future__ import annotations

import ast
import errno
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exptools.plain_files import open_below, open_plain, walk
from exptools.plain_json import parse_json
from exptools.rundir import State, read_regular
from exptools.viewing.configs.parsing import flat_settings
from exptools.viewing.configs.safe_yaml import MAX_KEYS
from exptools.viewing.readers.description import (
    Description,
    Reader,
    RunTexts,
    usual_sources,
)
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Fault, Source, TrackedStatus, natural_key

_META, _EXPERIMENT = "meta.yaml", "../meta.yaml"
_METRICS, _PARAMS, _TAGS = "metrics", "params", "tags"
_OF_MLFLOW = "mlflow."  # what its own tags begin with
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_DELETED = re.compile(rb"^lifecycle_stage: deleted\s*$", re.MULTILINE)
_RUNNING = re.compile(rb"^status: (?:1|RUNNING)\s*$", re.MULTILINE)
_STATES: Mapping[Any, State] = {
    **{1: State.RUNNING, 2: State.QUEUED, 3: State.COMPLETED, 4: State.FAILED, 5: State.KILLED},
    **{"RUNNING": State.RUNNING, "SCHEDULED": State.QUEUED, "FINISHED": State.COMPLETED},
    **{"FAILED": State.FAILED, "KILLED": State.KILLED},
}
_MAX_META = 2**16  # bytes
_MAX_VALUE = 2**14  # bytes of a param or a tag; MLflow allows 6,000 and 5,000 characters
# What may be a value of Python's; "007" is none.
_CONSTANTS = {"True": True, "False": False, "None": None}
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,300})")
_FLOAT = re.compile(r"[-+]?(?:(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?|inf)|nan")
_BRACKETS, _LONGEST = ("[", "(", "{"), 1000  # characters
# A run may train for hours between two values, and MLflow has no heartbeat.
PATIENCE = 24 * 3600.0  # seconds


def _files(listing: Listing) -> tuple[str, ...] | None:
    if _META not in listing.files or not _may_be_run(listing):
        return None
    try:
        meta = read_regular(f"{listing.path}/{_META}", _MAX_META)
    except OSError:
        meta = b""  # it is a fault when the run is read
    if _DELETED.search(meta):
        return None  # MLflow does not show it either
    signs = _metric_files(listing) if _RUNNING.search(meta) else []
    parts = (name for name in (_PARAMS, _TAGS) if name in listing.directories)  # and is no link
    return (_META, _EXPERIMENT, *parts, *signs)


def _may_be_run(listing: Listing) -> bool:
    """Experiments and logged models have a ``meta.yaml``, too."""
    name = os.path.basename(listing.path)
    parts = {"artifacts", _METRICS, _PARAMS, _TAGS}
    return bool(_RUN_ID.fullmatch(name)) or (
        parts.issubset(listing.directories) and not name.startswith("m-")
    )


def _sources(listing: Listing) -> tuple[Source, ...]:
    metrics = [f"{listing.path}/{name}" for name in _metric_files(listing)]
    own = (Source("mlflow", (f"{listing.path}/{_METRICS}", *metrics)),) if metrics else ()
    return (*own, *usual_sources(listing))


def _metric_files(listing: Listing) -> list[str]:
    if _METRICS not in listing.directories:
        return []
    names = _names(f"{listing.path}/{_METRICS}")
    return sorted((f"{_METRICS}/{name}" for name in names), key=natural_key)


def _names(directory: str) -> Iterator[str]:
    """The files below a directory, relative to it."""
    for above, files in walk(directory):
        for name in files:
            yield os.path.relpath(f"{above}/{name}", directory).replace(os.sep, "/")


def _read(run: RunTexts) -> Description:
    faults: list[Fault] = []
    meta, experiment = _yaml(run, _META, faults), _yaml(run, _EXPERIMENT, faults)
    params = {name: _meant(text) for name, text in _values(run, _PARAMS, faults).items()}
    tags = _values(run, _TAGS, faults)
    config = {f"tags.{name}": _meant(text) for name, text in tags.items() if not _is_own(name)}
    if isinstance(experiment.get("name"), str):
        config["experiment"] = experiment["name"]
    name = meta.get("run_name") or tags.get("mlflow.runName")
    return Description(
        config=_dotted(config | params),
        status=_status(run, meta, tags, faults),
        faults=tuple(faults),
        summary=MappingProxyType({"run_name": str(name)} if name else {}),
    )


def _dotted(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config flat, in which a dot divides keys: whoever logs a nested config has put it."""
    flat = flat_settings(config).items()
    return MappingProxyType({key.replace(r"\.", "."): value for key, value in flat})


def _is_own(tag: str) -> bool:
    return tag.startswith(_OF_MLFLOW)


def _yaml(run: RunTexts, name: str, faults: list[Fault]) -> Mapping[str, Any]:
    described = run.yaml(name)
    faults += described.faults
    return described.config


def _values(run: RunTexts, name: str, faults: list[Fault]) -> dict[str, str]:
    """What the files of a directory say, by name."""
    if name not in run.signatures:
        return {}
    # A param stays what it is; of a tag that is set again the directory tells nothing.
    remembered = name == _PARAMS
    directory = str(run.path(name))
    text = run.text(name, read=_read_values) if remembered else _read_values(directory)
    values: dict[str, str]
    values, reasons = parse_json(text)
    faults += [Fault(run.path(f"{name}/{value}"), None, reason) for value, reason in reasons]
    return values


def _read_values(directory: str, _limit: int = 0) -> str:
    """Of the files of a directory the texts by name, and why others are not read, as JSON.

    They may have any name: so a link that somebody puts in the directory's place would lead to
    anybody's texts, and is not followed.
    """
    run, own_name = os.path.split(directory)
    values, reasons = {}, []
    for name in sorted(islice(_names(directory), MAX_KEYS), key=natural_key):
        try:
            with os.fdopen(open_below(run, [own_name, *name.split("/")]), "rb") as file:
                content = file.read(_MAX_VALUE + 1)
            if len(content) > _MAX_VALUE:
                raise OSError(errno.EFBIG, f"more than {_MAX_VALUE} bytes are not read")
            values[name] = content.decode(errors="replace")
        except OSError as error:
            reasons.append((name, f"cannot be read: {error.strerror}"))
    return json.dumps((values, reasons))


def _meant(text: str) -> Any:
    """The Python value that MLflow has written as text; the text itself where it is none."""
    stripped = text.strip()
    if stripped in _CONSTANTS:
        return _CONSTANTS[stripped]
    if _INTEGER.fullmatch(stripped):
        return int(stripped)
    if _FLOAT.fullmatch(stripped):
        return float(stripped)
    # Python writes nothing that cannot be printed, and where it reads that it warns of it as it is.
    if stripped[:1] not in _BRACKETS or len(stripped) > _LONGEST or not stripped.isprintable():
        return text
    try:
        value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text
    return value if isinstance(value, (list, tuple, dict)) else text


def _status(
    run: RunTexts, meta: Mapping[str, Any], tags: Mapping[str, str], faults: list[Fault]
) -> TrackedStatus | None:
    state = _STATES.get(meta.get("status"))
    if state is None:
        if meta:
            allowed = ", ".join(str(name) for name in _STATES)
            faults.append(Fault(run.path(_META), None, f"status should be one of {allowed}"))
        return None
    started = _seconds(meta.get("start_time"))
    command, commit = tags.get("mlflow.source.name"), tags.get("mlflow.source.git.commit")
    signs = [_last_time(run.path(n)) for n in run.signatures if n.startswith(f"{_METRICS}/")]
    return TrackedStatus(
        state=state,
        host="",
        started=started,
        ended=_seconds(meta.get("end_time")),
        command=(command,) if command else (),
        git={"commit": commit} if commit else None,
        seen=max((sign for sign in (started, *signs) if sign), default=None),
        patience=PATIENCE,
    )


def _seconds(milliseconds: Any) -> float | None:
    is_time = isinstance(milliseconds, (int, float)) and math.isfinite(milliseconds)
    return milliseconds / 1000 if is_time and milliseconds > 0 else None


def _last_time(file: Path) -> float | None:
    """Unix seconds of a metric's last value."""
    try:
        with open(file, "rb", opener=open_plain) as content:
            size = os.fstat(content.fileno()).st_size
            content.seek(max(0, size - 200))
            return _seconds(float(content.read(200).split(b"\n")[-2].split()[0]))
    except (OSError, ValueError, LookupError):
        return None


READER = Reader(
    "mlflow",
    _files,
    _read,
    _sources,
    belongs="alone",
    parts=(_METRICS, _PARAMS, _TAGS, "inputs", "outputs", "traces"),
    marks="meta.yaml (MLflow's file store)",
)
