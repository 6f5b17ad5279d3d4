"""What the page shows in its tiles, as it asks for those that come into view."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from dash.development.base_component import Component

from exptools.error_line import error_line
from exptools.viewing.app import questions
from exptools.viewing.app.media.over_time import aligned, picture, sampled
from exptools.viewing.app.run.medium import Url, medium
from exptools.viewing.app.run.reading import MediaCache, Unreadable, read
from exptools.viewing.app.run.tables import sentence
from exptools.viewing.app.view import HISTOGRAMS
from exptools.viewing.app.widgets import theme_of
from exptools.viewing.app.workspace import Answers, Workspace
from exptools.viewing.run import Run
from exptools.viewing.run_files.media import Histogram, Item, read_histogram
from exptools.viewing.wording import escape_invalid_unicode

MOST_AT_ONCE = 24  # tiles in a question
ENOUGH = 4 * 2**20  # characters of an answer; what is not in it is asked for again
REMEMBERED = 500  # pictures of histograms over time, of about 20 kB


@dataclass(frozen=True)
class Tile:
    """What one tile is to show."""

    run: str
    kind: str
    tag: str
    step: int
    way: str  # of histograms: one of ``HISTOGRAMS``


@dataclass(frozen=True)
class Question:
    """Some tiles, and the page's colours."""

    tiles: tuple[Tile, ...]
    colors: str

    @classmethod
    def read(cls, text: bytes) -> Question:
        """Read what a page has sent.

        Raises:
            ValueError: it is no such question; the message says why.
        """
        parts = questions.parts_of(text)
        tiles, colors = parts.get("tiles"), parts.get("colors")
        if not isinstance(tiles, list) or not isinstance(colors, str):
            raise ValueError("it lacks a list of tiles, or the colours")
        if len(tiles) > MOST_AT_ONCE:
            raise ValueError(f"{len(tiles)} tiles are too many at once: up to {MOST_AT_ONCE}")
        return cls(tuple(map(_tile, tiles)), colors)


def _tile(given: Any) -> Tile:
    if not isinstance(given, list) or len(given) != 5:
        raise ValueError("a tile is its run, kind, tag, step and way")
    run, kind, tag, step, way = given
    if not all(isinstance(text, str) for text in (run, kind, tag)) or type(step) is not int:
        raise ValueError("run, kind and tag of a tile are texts, its step is an integer")
    if way not in HISTOGRAMS:
        raise ValueError(f"histograms are shown as {', '.join(HISTOGRAMS)}")
    return Tile(run, kind, tag, step, way)


class Tiles:
    """The tiles of a workspace's runs."""

    def __init__(self, workspace: Workspace, cache: MediaCache, url: Url) -> None:
        self._workspace, self._cache, self._url = workspace, cache, url
        self._pictures = Answers(REMEMBERED)

    def answer(self, question: Question) -> str:
        """The tiles that a page asks for, each as components or as HTML, in its order."""
        shown: list[str] = []
        for tile in question.tiles:
            if sum(map(len, shown)) > ENOUGH:
                break
            shown.append(self._shown(tile, question.colors))
        return f'{{"tiles": [{", ".join(shown)}]}}'

    def _shown(self, tile: Tile, colors: str) -> str:
        """One tile as JSON; a fault takes no other tile with it."""
        from plotly.io.json import to_json_plotly  # as Dash does, which loads it late, too

        try:
            return str(to_json_plotly(self._content(tile, colors)))
        except Unreadable as said:
            reason = str(said)
        except Exception as error:
            logging.getLogger(__name__).warning("no tile of %r", tile, exc_info=True)
            reason = f"This could not be shown: {error_line(error)}"
        return str(to_json_plotly({"node": sentence(escape_invalid_unicode(reason))}))

    def _content(self, tile: Tile, colors: str) -> dict[str, Any]:
        run = self._workspace.run(tile.run)
        if run is None:
            return {"node": sentence("The run is gone.")}
        steps = self._cache.get(run).items.get((tile.kind, tile.tag), {})
        item = steps.get(tile.step)
        if item is None:
            return {"node": sentence("It is gone.")}
        if tile.kind == "histogram" and tile.way != "step":
            return self._over_time(run, dict(steps), tile)
        node: Component = medium(self._workspace, run, item, self._url, theme_of(colors))
        return {"node": node}

    def _over_time(self, run: Run, items: dict[int, Item], tile: Tile) -> dict[str, Any]:
        asked = [items[step] for step in sampled(sorted(items))]
        question = (run.name, tile.tag, tile.way, len(items), *(item.sha256 for item in asked))
        compute = partial(self._painted, run, asked, tile.way)
        return {"html": self._pictures.remembered(0, question, compute)}

    def _painted(self, run: Run, items: Sequence[Item], way: str) -> str:
        said: list[str] = []
        histograms = list(self._read(run, items, said))
        try:
            slices = aligned(histograms)
        except ValueError as error:
            slices = None
            said.append(f"They cannot be drawn: {error}.")
        if slices is None:
            return f'<p class="run-nothing">{escape((said or ["no values"])[0])}</p>'
        number = "1 step is" if len(said) == 1 else f"{len(said):,} steps are"
        note = f"{number} not in it: {said[0]}" if said else ""
        below = f'<p class="over-note">{escape(note)}</p>' if note else ""
        return picture(slices, way) + below

    def _read(
        self, run: Run, items: Sequence[Item], said: list[str]
    ) -> Iterator[tuple[int, Histogram]]:
        """Each histogram with its step; why one is not among them is said."""
        for item in items:
            try:
                if not item.path.startswith("media/"):
                    raise Unreadable("Its path leads out of media/.")
                found = read(self._workspace, run, item.path, read_histogram)
            except Unreadable as reason:
                said.append(str(reason))
                continue
            if found is None:
                said.append(str(Unreadable(f"{item.path} is gone.")))
            else:
                yield item.step, found
