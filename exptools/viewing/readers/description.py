"""What all readers share: how a format is told and read, and where its metrics may stand."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from exptools.rundir import EVENT_FILE_SUFFIX, PROGRESS_CSV, Status
from exptools.viewing.configs.parsing import NO_CONFIG, YamlParser, parse_json
from exptools.viewing.readers.memory.texts import MAX_TEXT, TextCache, read_text
from exptools.viewing.readers.tabular.csv_logs import more_sources
from exptools.viewing.readers.trackers.checkpoints import trainer_states
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Fault, Source, SourceKind, natural_key
from exptools.viewing.signatures import Signature

METRICS_CSV = "metrics.csv"
# Where metrics may stand, the best first; then event files, which often repeat them, as float32.
_METRIC_FILES: Mapping[str, SourceKind] = {
    PROGRESS_CSV: "csv",
    METRICS_CSV: "csv",
    "progress.txt": "tsv",
}
EVENTS = ".tfevents."
# Event files of ours repeat our progress.csv; one that goes on after a backup has a number, too.
_OURS = re.compile(rf"{re.escape(EVENT_FILE_SUFFIX)}(?:\.\d+)?$")


def usual_sources(listing: Listing) -> tuple[Source, ...]:
    """Where metrics stand that most libraries write, the best first."""
    tables = [
        Source(kind, (f"{listing.path}/{name}",))
        for name, kind in _METRIC_FILES.items()
        if name in listing.files
    ]
    states = trainer_states(listing)
    if states:
        tables.append(Source("trainer", tuple(f"{listing.path}/{state}" for state in states)))
    tables += more_sources(listing)
    events = [name for name in listing.files if EVENTS in name]
    if events and PROGRESS_CSV in listing.files:
        events = [name for name in events if not _OURS.search(name)]
    if events:
        files = (f"{listing.path}/{name}" for name in sorted(events, key=natural_key))
        tables.append(Source("events", tuple(files)))
    return tuple(tables)


class Description(NamedTuple):
    """What a run's files say of it, its metrics apart."""

    config: Mapping[str, Any] = NO_CONFIG
    status: Status | None = None
    faults: tuple[Fault, ...] = ()
    # What was said of the run as a whole, by name: numbers, booleans and texts.
    summary: Mapping[str, Any] = NO_CONFIG
    derived: frozenset[str] = frozenset()  # keys of the config that are made of other ones
    incomplete: frozenset[str] | None = None  # as in ``Run``


@dataclass(frozen=True)
class Reader:
    """One format of run directories."""

    name: str
    # The files that describe the run, relative to its directory; None: not a run of this format.
    files: Callable[[Listing], tuple[str, ...] | None]
    read: Callable[[RunTexts], Description]
    # Where the metrics of such a run stand, the best first.
    sources: Callable[[Listing], tuple[Source, ...]] = usual_sources
    # Whether such a run below another one belongs to it: "never", as it is one by itself; "alone":
    # if it is the only one there; "always", as do those that have nothing but metrics.
    belongs: Literal["never", "alone", "always"] = "never"
    # Patterns (fnmatch's) of directories of such a run in which nobody looks for runs. All that its
    # reader may look into are among them: what such a directory holds is never taken from memory.
    parts: tuple[str, ...] = ()
    marks: str = ""  # by what people know a directory of this format, and whose it is


class RunTexts(NamedTuple):
    """The files that describe a run, those that are there, and what helps to read them."""

    directory: str
    signatures: Mapping[str, Signature]  # by name, relative to the directory
    cache: TextCache
    configs: YamlParser
    refused: list[Fault]  # files that are links, as they are met
    root: str  # above it nothing is looked for

    def path(self, name: str) -> Path:
        """Where a file of the run stands."""
        return Path(os.path.normpath(os.path.join(self.directory, name)))

    def text(
        self, name: str, limit: int = MAX_TEXT, read: Callable[[str, int], str] = read_text
    ) -> str:
        """The text of a file, or what ``read`` makes one of."""
        return self.parts(name, lambda text: [text], limit, read)[0]

    def parts(
        self,
        name: str,
        cut: Callable[[str], list[str]],
        limit: int = MAX_TEXT,
        read: Callable[[str, int], str] = read_text,
    ) -> list[str]:
        """The same, as ``cut`` divides it."""
        path = f"{self.directory}/{name}"
        try:
            return self.cache.parts(path, self.signatures[name], cut, limit, read)
        except OSError as error:
            if error.errno == errno.ELOOP:
                self.refused.append(fault_of(self.path(name), error))
            raise

    def yaml(self, name: str) -> Description:
        """The config in a YAML file; where it cannot be read an empty one, and the fault."""
        return self.described(name, lambda: self.parsed(self.parts(name, self.configs.cut)))

    def parsed(self, parts: Sequence[str]) -> Description:
        """The config that the parts of a YAML text hold; a ValueError where they hold none."""
        config, derived, _ = self.configs.read(parts)
        return Description(config, derived=derived)

    def json(self, name: str, without: tuple[str, ...] = ()) -> Description:
        """The config in a JSON file, less some keys; else an empty one, and the fault."""
        return self.config(name, lambda: parse_json(self.text(name), without))

    def config(self, name: str, read: Callable[[], Mapping[str, Any]]) -> Description:
        """The config that ``read`` makes of a file; where it cannot an empty one, and the fault."""
        return self.described(name, lambda: Description(read()))

    def described(self, name: str, read: Callable[[], Description]) -> Description:
        """What ``read`` makes of a file; where it cannot nothing, and the fault."""
        if name not in self.signatures:
            return Description()
        try:
            return read()
        except FileNotFoundError:
            return Description()
        except (OSError, ValueError) as error:
            return Description(faults=(fault_of(self.path(name), error),))


def fault_of(path: Path, error: OSError | ValueError) -> Fault:
    """The fault of a file that cannot be read, or is not what it should be."""
    if isinstance(error, OSError):
        return Fault(path, None, f"cannot be read: {error.strerror}")
    mark = getattr(error.__cause__, "problem_mark", None)
    line = mark.line + 1 if mark else getattr(error.__cause__, "lineno", None)
    return Fault(path, line, str(error))
