"""Directories that torch's SummaryWriter makes below its own: they are no runs by themselves.

``add_hparams`` writes into one that is called after the time, ``add_scalars`` into one for each of
its values, called after the metric and the value. Runs may be called so, too: a stray event file
above them must not swallow them. So what stands in the files tells.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from exptools.viewing.readers.tabular.csv_logs import beginning

_UNIX_TIME = re.compile(r"1\d{9}\.\d+")
_HPARAMS = b"_hparams_/session_start_info"  # a tag of TensorBoard's plugin
# A summary of one value, as a protocol buffer has it: fields and lengths, the tag, its number.
_TAG = re.compile(rb"\*.\n.\n(.)([\x20-\x7e\x80-\xff]+)\x15", re.DOTALL)
# events.out.tfevents.<time>.<host>.<process>.<number>: the files of a process differ in the number.
_PROCESS = re.compile(r"\.tfevents\.\d+\.(.+\.\d+)\.\d+$")


def is_of_same_writer(name: str, files: Sequence[str], above: Sequence[str]) -> bool:
    """Whether a writer made a directory with event files below its own, which has those ``above``.

    A run that was resumed has directories of several processes.
    """
    if _UNIX_TIME.fullmatch(name):
        return any(_HPARAMS in beginning(file) for file in files)
    if "_" not in name or not _processes(files) <= _processes(above):
        return False
    return all(_has_scalars(name, beginning(file)) for file in files)


def _processes(files: Sequence[str]) -> set[str]:
    found = ((file, _PROCESS.search(os.path.basename(file))) for file in files)
    return {match[1] if match else file for file, match in found}


def _has_scalars(name: str, events: bytes) -> bool:
    """Whether events have one tag only, and the directory begins with it: ``loss_train``."""
    tags = {tag for length, tag in _TAG.findall(events) if length[0] == len(tag)}
    only = tags.pop().replace(b"/", b"_") if len(tags) == 1 else None
    return only is not None and os.fsencode(name).startswith(only + b"_")
