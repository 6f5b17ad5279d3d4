"""What a page asks of its small charts, some at a time, and the answer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dash import Dash

from exptools.rundir import WALL_TIME
from exptools.viewing.app import questions
from exptools.viewing.app.facts import Facts, counted_runs, resolve
from exptools.viewing.app.small_multiples.painting import SmallChart, paint
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Answers, Workspace
from exptools.viewing.curves.series import RELATIVE_TIME
from exptools.viewing.errors import QueryError

ROUTE = "_small-charts"
MOST_AT_ONCE = 12  # charts in one answer
REMEMBERED = 400  # charts, of about 20 kB


@dataclass(frozen=True)
class Question:
    """Charts of some metrics in a view, and what the page has of them already."""

    view: str  # as an address has it
    metrics: tuple[str, ...]
    have: tuple[str, ...]  # a digest for each metric, "" where there is none

    @classmethod
    def read(cls, text: bytes) -> Question:
        """Read what a page has sent.

        Raises:
            ValueError: it is no such question; the message says why.
        """
        parts = questions.parts_of(text)
        view, metrics, have = parts.get("view"), _texts(parts, "metrics"), _texts(parts, "have")
        if not isinstance(view, str) or len(metrics) != len(have):
            raise ValueError("it lacks the view's query, or a digest for each metric")
        if len(metrics) > MOST_AT_ONCE:
            raise ValueError(f"{len(metrics)} charts are too many at once: up to {MOST_AT_ONCE}")
        return cls(view, metrics, have)


def _texts(parts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = parts.get(name)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} is no list of texts")
    return tuple(texts)


class SmallCharts:
    """The small charts of a workspace's runs; while nothing changes each is painted once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._painted = Answers(REMEMBERED)

    def register(self, app: Dash) -> None:
        """Answer at ``ROUTE``."""
        questions.register(app, ROUTE, Question.read, self._answer)

    def _answer(self, question: Question) -> str:
        return json.dumps({"charts": self.charts(question)})

    def charts(self, question: Question) -> list[dict[str, Any]]:
        """For each metric what the page needs to show it; of what it has already the digest."""
        facts = self._workspace.facts()
        view = resolve(View.from_query(question.view), facts)
        self._read_together(facts, view, question.metrics)
        painted = [self._chart(facts, view, metric) for metric in question.metrics]
        return [
            {"digest": chart.digest}
            if chart.digest == had
            else {
                "digest": chart.digest,
                "html": chart.html,
                "says": chart.says,
                "rows": chart.rows,
            }
            for chart, had in zip(painted, question.have, strict=True)
        ]

    def _read_together(self, facts: Facts, view: View, metrics: tuple[str, ...]) -> None:
        """Read the metrics that were not read yet in one go, rather than each file for each."""
        x = WALL_TIME if view.x == RELATIVE_TIME else view.x
        with contextlib.suppress(QueryError):  # each chart says so itself
            runs, _ = counted_runs(self._workspace.index, facts, view)
            self._workspace.index.columns(runs, [x, *metrics])

    def _chart(self, facts: Facts, view: View, metric: str) -> SmallChart:
        own = {metric: view.y_ranges[metric]} if metric in view.y_ranges else {}
        marks = facts.marked(view.where)
        asked = repr((metric, replace(view.of_chart(), y_ranges=own, notes=()), marks))
        return self._painted.remembered(
            facts.version, asked, lambda: paint(self._workspace, view, metric)
        )
