"""Which library wrote a directory, and the run that it describes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exptools.rundir import HYDRA_CONFIG, PROGRESS_CSV, STATUS_FILE, SWEEP_FILE
from exptools.viewing.configs.parsing import NO_CONFIG, ConfigTexts
from exptools.viewing.readers import hydra, others, sacred, variant
from exptools.viewing.readers.description import Described, Description, Reader, source_of
from exptools.viewing.readers.text_cache import MAX_TEXT, Texts
from exptools.viewing.readers.walk import Listing, list_directory
from exptools.viewing.run import Fault, Run, Source
from exptools.viewing.signatures import Signature, file_signature
from exptools.viewing.wording import sound

MAX_CONFIG = MAX_TEXT  # bytes


# What makes a directory a run, the most common first; the formats of others have more.
MARKERS = (HYDRA_CONFIG, STATUS_FILE, PROGRESS_CSV, "*.tfevents.*")


READERS = (
    hydra.READER,
    sacred.READER,
    variant.READER,
    others.LIGHTNING,
    others.SPINNING_UP,
    others.CSV,
    others.TENSORBOARD,
)


@dataclass(frozen=True)
class Claim:
    """A directory that a reader takes for a run, and its files as they are now."""

    directory: str
    reader: Reader
    described: Mapping[str, Signature]  # the files that describe it; those that are there
    source: Source | None
    written: tuple[Signature | None, ...]  # of the source's files


def claim(listing: Listing) -> Claim | None:
    """Which reader takes a directory, or None: not a run in any format that we read."""
    for reader in READERS:
        names = reader.files(listing)
        if names is None:
            continue
        found = {name: file_signature(f"{listing.path}/{name}") for name in names}
        described = {name: signature for name, signature in found.items() if signature}
        if described or not names:  # a directory .hydra without a config is no run
            source = source_of(listing, reader.metric_files)
            written = tuple(map(file_signature, source.files)) if source else ()
            return Claim(listing.path, reader, described, source, written)
    return None


def is_run(directory: Path) -> bool:
    """Whether a directory is a run's, in a format that we read."""
    return claim(list_directory(str(directory))) is not None


def read_run(directory: Path, root: Path | None = None) -> Run:
    """Read a run's config and status.

    Args:
        directory: the run's directory.
        root: the directory to which the run's name is relative; by default its parent.

    Raises:
        ValueError: no reader takes the directory for a run.
    """
    found = claim(list_directory(str(directory)))
    if found is None:
        raise ValueError(f"{directory} is no run in any format that is read")
    root = root or directory.parent
    return read_claim(found, root, Sweeps(root), Texts(None), ConfigTexts())


def read_claim(found: Claim, root: Path, sweeps: Sweeps, texts: Texts, configs: ConfigTexts) -> Run:
    """Read the run that a reader has claimed; a reader that fails leaves a run with a fault."""
    directory = Path(found.directory)
    try:
        described = Described(found.directory, found.described, texts, configs)
        said = found.reader.read(described)
    except Exception as error:  # noqa: BLE001 (one run must not keep the others from being seen)
        said = Description(NO_CONFIG, None, (Fault.of(directory, error),))
    return Run(
        directory=directory,
        name=run_name(found.directory, str(root)),
        sweep=sweeps.of(found.directory),
        config=said.config,
        status=said.status,
        state=said.status.observed if said.status else None,
        faults=said.faults,
        format=found.reader.name,
        source=found.source,
        updated=updated(found),
    )


def updated(found: Claim) -> float | None:
    """When a file of the run's metrics was last written to, in Unix seconds."""
    return max((s.mtime_ns / 1e9 for s in found.written if s), default=None)


def run_name(directory: str, root: str) -> str:
    """A run's name: its directory as seen from the root; the root's own is no other run's."""
    if directory != root:
        return sound(directory[len(root.rstrip(os.sep)) + 1 :].replace(os.sep, "/"))
    name = sound(os.path.basename(root))
    return f"{name}/" if os.path.exists(os.path.join(root, os.path.basename(root))) else name


class Sweeps:
    """The sweeps that runs below a root belong to; each directory is looked at once."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._known: dict[str, str | None] = {}

    def of(self, directory: str) -> str | None:
        """The nearest directory above a run, up to the root, that Hydra started a sweep in."""
        parent = os.path.dirname(directory)
        if parent not in self._known:
            self._known[parent] = self._look(parent, last=directory == self._root)
        return self._known[parent]

    def _look(self, parent: str, last: bool) -> str | None:
        if os.path.isfile(os.path.join(parent, SWEEP_FILE)):
            below = parent.startswith(self._root.rstrip(os.sep) + os.sep)
            return run_name(parent, self._root) if below else sound(os.path.basename(parent))
        if last or parent in (self._root, os.path.dirname(parent)):
            return None
        return self.of(parent)
