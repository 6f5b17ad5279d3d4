"""Which tiles there are: a column for each run, or for one of each group, and a row for each tag.

A tile's content is asked for when it comes into view (``tiles.py``); here are only the steps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from exptools.viewing.app.facts import Facts, counted_runs
from exptools.viewing.app.media.chosen import NOT_SEEN, Chosen, Reading, each, one_of_each
from exptools.viewing.app.run.reading import MediaCache, is_live
from exptools.viewing.app.states import STATE_WORDS, state_class
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.grouping import Group, Key, groups
from exptools.viewing.run import Run, natural_key
from exptools.viewing.run_files.media import KINDS, MediaIndex
from exptools.viewing.wording import escape_invalid_unicode, shortened
from exptools.visible import visible

MANY = 12  # runs; of more, one of each group is shown at first
MOST_ROWS = 1000  # tags of a kind
LONGEST = 80  # characters of a group's label


@dataclass(frozen=True)
class Column:
    """A run whose media stand below each other."""

    run: str
    name: str  # as it is shown: without what all runs have in common
    label: str  # its group's; "" where the name says all
    of: int  # runs of its group, where it stands for them; else 1
    state: str  # "failed"
    style: str  # the CSS class of the state
    live: bool  # whether more may come
    version: str  # another one when more has come


@dataclass(frozen=True)
class Row:
    """A tag, and in which columns it has which steps."""

    kind: str
    tag: str
    cells: tuple[tuple[int, int], ...]  # the column, and its place in ``Wall.steps``


@dataclass(frozen=True)
class Wall:
    """What the page needs to lay out its tiles."""

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    steps: tuple[tuple[int, ...], ...] = ()  # each list once: runs of a sweep share theirs
    is_cut: bool = False  # whether there are more tags, which a search finds
    one_a_group: bool = False
    sentence: str = ""  # of which runs it is
    notes: tuple[str, ...] = ()  # what is not seen
    empty: str = ""  # why there is nothing

    def to_data(self) -> dict[str, Any]:
        """As JSON has it; ``digest`` is equal for equal walls."""
        data = asdict(self)
        digest = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]
        return data | {"digest": digest}


def media_wall(workspace: Workspace, cache: MediaCache, view: View) -> Wall:
    """The tiles of the view's runs; a sentence where there are none."""
    facts = workspace.facts()
    try:
        runs, left_out = counted_runs(workspace.index, facts, view)
        keys = facts.find(tuple(dict.fromkeys([*view.split, *(view.by or ())])))
    except QueryError as error:
        text = str(error)
        return Wall(empty=f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.?' else '.'}")
    if not runs:
        nothing = "No runs here yet. They appear as soon as one starts."
        return Wall(empty=f"No run fulfils {view.where}." if view.where.strip() else nothing)
    grouped = groups(runs, keys)
    one = _is_one_a_group(view, len(runs), len(grouped))
    reading = Reading(cache)
    chosen = list(one_of_each(grouped, reading) if one else each(grouped, reading))
    rows, steps = _rows([media for _, _, media in chosen])
    kept = _of_each_kind(rows, view.media_search)
    return Wall(
        columns=_columns(facts, chosen, keys, one=one),
        rows=kept,
        is_cut=len(kept) < len(rows),
        steps=steps,
        one_a_group=one,
        sentence=_sentence(view, runs, grouped, chosen, one=one),
        notes=(*left_out, *_notes(reading, len(kept), len(rows), one=one)),
        empty="" if rows else _nothing(runs, reading),
    )


def _is_one_a_group(view: View, runs: int, grouped: int) -> bool:
    """Whether of each group one run is shown: where it is chosen, or there are many."""
    if view.media_columns == "auto":
        return runs > MANY and 1 < grouped < runs
    return view.media_columns == "groups"


def _columns(
    facts: Facts, chosen: Sequence[Chosen], keys: Sequence[Key], *, one: bool
) -> tuple[Column, ...]:
    key = f"{keys[0].short}=" if len(keys) == 1 and keys[0].whole != "name" else ""
    names = _short_names([run.name for run in facts.runs])
    return tuple(
        Column(
            run=run.name,
            name=escape_invalid_unicode(names[run.name]),
            label=_label(group, run, key),
            of=len(group.runs) if one else 1,
            state=STATE_WORDS[run.state],
            style=state_class(STATE_WORDS[run.state]),
            live=is_live(run),
            version=f"{media.inode}-{media.read_to}",
        )
        for group, run, media in chosen
    )


def _label(group: Group, run: Run, key: str) -> str:
    """What a group is called; nothing where that is the run's name, or all runs are one."""
    if not group.values or group.label == run.name:
        return ""
    return shortened(visible(f"{key}{group.label}"), LONGEST)


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """Names without the directories that all have in common."""
    directories = sorted(name.split("/")[:-1] for name in names)
    both = zip(directories[0], directories[-1], strict=False)
    cut = sum(len(one) + 1 for one, _ in takewhile(lambda pair: pair[0] == pair[1], both))
    return {name: name[cut:] or name for name in names}


def _rows(
    media: Sequence[MediaIndex],
) -> tuple[tuple[Row, ...], tuple[tuple[int, ...], ...]]:
    places: dict[tuple[int, ...], int] = {}
    cells: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for column, of_run in enumerate(media):
        for key in of_run.tags:
            if key[0] not in NOT_SEEN:
                steps = tuple(sorted(of_run.items[key]))
                place = places.setdefault(steps, len(places))
                cells.setdefault(key, []).append((column, place))
    order = sorted(cells, key=lambda key: (KINDS.index(key[0]), natural_key(key[1])))
    return tuple(Row(*key, tuple(cells[key])) for key in order), tuple(places)


def _of_each_kind(rows: Sequence[Row], search: str) -> tuple[Row, ...]:
    """So many rows of each kind as can be shown: first those whose tags have the words."""
    words = search.lower().split()
    kept: set[Row] = set()
    for kind in dict.fromkeys(row.kind for row in rows):
        of_kind = [row for row in rows if row.kind == kind]
        found = [row for row in of_kind if all(word in row.tag.lower() for word in words)]
        kept.update(list(dict.fromkeys([*found, *of_kind]))[:MOST_ROWS])
    return tuple(row for row in rows if row in kept)


def _sentence(
    view: View,
    runs: Sequence[Run],
    grouped: Sequence[Group],
    shown: Sequence[Chosen],
    *,
    one: bool,
) -> str:
    """Of which runs the wall is."""
    if not shown:
        return ""
    noun = "selected run" if view.selected else "run"
    which = f"All {_number(len(runs), noun)}" if len(runs) > 1 else f"1 {noun}"
    if len(shown) < len(runs):
        which = f"{_number(len(shown), noun)} of {len(runs):,}"
    if one:
        which = f"One {noun} of each of {_number(len(grouped), 'group')}: the first that has media"
    return f"{which}, with {view.where}." if view.where.strip() else f"{which}."


def _notes(reading: Reading, kept: int, rows: int, *, one: bool) -> Iterator[str]:
    if reading.without and rows and not one:
        verb = "has" if reading.without == 1 else "have"
        yield f"{_number(reading.without, 'run')} {verb} logged no media."
    if reading.events:
        yield (
            f"Of {_number(reading.events, 'run')} that another logger wrote there are event files "
            "of TensorBoard's: only the numbers in them are read, no images, histograms or sounds."
        )
    if reading.beyond:
        yield (
            f"{_number(reading.beyond, 'run')} more would be too many at once: "
            "filter, select in Compare, or choose one a group."
        )
    if kept < rows:
        yield f"{kept:,} of {rows:,} tags are here: a part of a tag's name brings others."
    if reading.bad_lines:
        yield f"{_number(reading.bad_lines, 'line')} of the runs' media/index.jsonl cannot be read."
    yield from reading.notes[:5]
    if len(reading.notes) > 5:
        yield f"So it is with {len(reading.notes) - 5:,} more runs."


def _nothing(runs: Sequence[Run], reading: Reading) -> str:
    if reading.notes:
        return "What these runs have logged cannot be read."
    who = "This run has" if len(runs) == 1 else f"These {len(runs):,} runs have"
    return (
        f"{who} logged no images, videos, sounds, figures, tables, histograms or texts. "
        "They come from logger.log_image and the like."
    )


def _number(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
