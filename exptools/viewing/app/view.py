"""Everything that is chosen on the page, as one value that an address can hold.

A ``View`` is in the page's store ``view`` as a dict (``to_data``, ``from_data``) and in its address
as a query (``to_query``, ``from_query``). Unknown parts of a query are ignored, and ``notes`` tell
which; they never stop the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from exptools.hints import suggestion
from exptools.viewing.app.serving.shapes import NUMBER, MalformedError, Shape, expect, expect_data
from exptools.viewing.curves.baseline import DIFFERENCES
from exptools.viewing.curves.endings import parse_states
from exptools.viewing.curves.statistics.centers import CENTERS, parse_band
from exptools.viewing.curves.statistics.options import Choice, parse
from exptools.viewing.curves.statistics.smoothing import SMOOTHINGS
from exptools.viewing.curves.summaries import BEST, parse_summary
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.references import parse_reference

TABS = ("compare", "charts", "media", "run")
FORMER = {"pictures": "charts", "picture": "chart"}  # what addresses may call them, too
BANDS_OF = ("auto", "all", "pointed")  # lines whose bands are seen; auto: of few lines all
NONPOSITIVE = ("left-out", "symlog")  # what a log axis does with values ≤ 0
MEDIA_COLUMNS = ("auto", "runs", "groups")  # auto: of many runs one a group
HISTOGRAMS = ("offset", "overlay", "percentiles", "step")  # over time in three ways, or at one step
EACH_RUN = "run.name"  # to group by: each run by itself
# What the table shows, and nothing else does.
OF_TABLE = ("rows", "summaries", "columns", "sort", "order", "pinned", "widths")
# What the wall of media shows, and nothing else does.
OF_MEDIA = (
    *("media_step", "media_search", "media_kinds", "media_columns"),
    *("media_layout", "media_size", "histograms"),
)
WIDEST = 1e300  # of an axis; its arithmetic has room for no more
LARGEST_STEP = 2**53  # beyond it a browser's numbers are not
LONGEST = 8000  # characters of a query; with more, servers and chats refuse or cut an address

Range = tuple[float, float]


class _Kind(NamedTuple):
    """How a field stands in a page's store, and in a query: its values as texts, and back."""

    shape: Shape
    to_texts: Callable[[Any], list[str]]
    from_texts: Callable[[list[str]], Any]


def _range(text: str) -> Range:
    low, high = map(float, text.split(","))
    # What the arithmetic of an axis has room for.
    if not (max(abs(low), abs(high)) <= WIDEST and high - low >= 1 / WIDEST):
        raise ValueError(text)
    return low, high


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(text)
    return int(text)


def _step(text: str) -> int:
    step = int(text)
    if abs(step) > LARGEST_STEP:
        raise ValueError(text)
    return step


def _tab(texts: list[str]) -> str:
    return _one_of("tab", *TABS)([FORMER.get(texts[-1], texts[-1])])


def _one_of(what: str, *names: str) -> Callable[[list[str]], str]:
    return lambda texts: parse(what, texts[-1], dict.fromkeys(names, Choice())).name


def _checked(check: Callable[[str], Any]) -> Callable[[list[str]], str]:
    """A text that stays as it is once ``check`` has not raised."""
    return lambda texts: (check(texts[-1]), texts[-1])[1]


def _summaries(texts: list[str]) -> tuple[str, ...]:
    return tuple(t if t == BEST else str(parse_summary(t)) for t in texts)


def _references(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(parse_reference(text)) for text in texts if text))


def _text_list(texts: list[str]) -> tuple[str, ...]:
    # "by=" alone is a list that somebody emptied; nobody calls a key "".
    return tuple(dict.fromkeys(text for text in texts if text))


_TEXT = _Kind(str, lambda value: [value], lambda texts: texts[-1])
_TEXTS = _Kind([str], lambda values: list(values) or [""], _text_list)
_FLAG = _Kind(bool, lambda value: ["1" if value else "0"], lambda texts: texts[-1] == "1")
_RANGE = _Kind([NUMBER, NUMBER], lambda value: [_pair(value)], lambda texts: _range(texts[-1]))
_COUNT = _Kind(int, lambda value: [str(value)], lambda texts: _count(texts[-1]))
_STEP = _Kind(int, lambda value: [str(value)], lambda texts: _step(texts[-1]))
_SCALES = _Kind([str], lambda v: list(v) or [""], lambda t: tuple(a for a in ("x", "y") if a in t))


def _pair(value: Range) -> str:
    return ",".join(f"{number:.12g}" for number in value)


def _is(kind: _Kind, default: Any, check: Callable[[list[str]], Any] | None = None) -> Any:
    if check is not None:
        kind = kind._replace(from_texts=check)
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True)
class View:
    """What is chosen; the defaults are what a newcomer sees."""

    tab: str = _is(_TEXT, "compare", _tab)
    metrics: tuple[str, ...] = _is(_TEXTS, ())  # none: the page chooses
    by: tuple[str, ...] | None = _is(_TEXTS, None)  # None: the page chooses; (): all runs in one
    split: tuple[str, ...] = _is(_TEXTS, ())  # a panel for each of their values
    x: str = _is(_TEXT, "step")
    center: str = _is(_TEXT, "mean", _one_of("center", *CENTERS))
    band: str = _is(_TEXT, "std", _checked(parse_band))
    bands: str = _is(_TEXT, "auto", _one_of("bands", *BANDS_OF))
    smooth: str = _is(_TEXT, "none", _checked(lambda t: parse("smoothing", t, SMOOTHINGS)))
    smooth_when: str = _is(_TEXT, "before", _one_of("smooth_when", "before", "after"))
    log: tuple[str, ...] = _is(_SCALES, ())  # of "x" and "y"
    nonpositive: str = _is(_TEXT, "left-out", _one_of("nonpositive", *NONPOSITIVE))
    x_range: Range | None = field(default=None, metadata={"kind": _RANGE})  # in units of x
    best: tuple[str, ...] = _is(_TEXTS, ())  # of these keys' settings each group keeps the best
    best_mode: str = _is(_TEXT, "auto", _one_of("best_mode", "auto", "max", "min"))
    together: bool = _is(_FLAG, default=False)  # several metrics in one panel
    baseline: str = _is(_TEXT, "")  # "lr=0.01" or a run's name: its difference is shown
    difference: str = _is(_TEXT, "absolute", _one_of("difference", *DIFFERENCES))
    references: tuple[str, ...] = _is(_TEXTS, (), _references)  # "test/loss = 0.3 theirs"
    clip: bool = _is(_FLAG, default=False)  # the y axis leaves outliers out
    show_runs: bool = _is(_FLAG, default=False)  # a thin line for each run
    where: str = _is(_TEXT, "")  # a condition
    states: str = _is(_TEXT, "all", _checked(parse_states))  # which runs count: all, finished
    selected: tuple[str, ...] = _is(_TEXTS, ())  # names of runs; none: all
    page: int = _is(_COUNT, 0)  # of the groups, where there are too many for one chart
    rows: str = _is(_TEXT, "runs", _one_of("rows", "runs", "groups"))  # of the table
    summaries: tuple[str, ...] = _is(_TEXTS, ("last",), _summaries)  # of the metrics, in the table
    columns: tuple[str, ...] = _is(_TEXTS, ())  # shown or hidden against the default: "+host"
    sort: tuple[str, ...] = _is(_TEXTS, ())  # columns, "-" before one from the largest down
    order: tuple[str, ...] = _is(_TEXTS, ())  # columns moved by hand: "state>lr", behind the state
    pinned: tuple[str, ...] = _is(_TEXTS, ())  # "<lr" to the left, ">lr" to the right, "-run" free
    widths: tuple[str, ...] = _is(_TEXTS, ())  # columns resized by hand: "lr:120", in px
    all_metrics: bool = _is(_FLAG, default=False)  # the small charts are open
    search: str = _is(_TEXT, "")  # parts of the names of the metrics that have a small chart
    folded: tuple[str, ...] = _is(
        _TEXTS, ()
    )  # those below these prefixes are folded; "/": without one
    run: str = _is(_TEXT, "")  # the one that the tab shows
    chart: str = _is(_TEXT, "")
    media_step: int | None = _is(_STEP, None)  # None: the last one, also while runs go on
    media_search: str = _is(_TEXT, "")  # parts of the tags that are shown
    media_kinds: tuple[str, ...] = _is(_TEXTS, ())  # none: all
    media_columns: str = _is(_TEXT, "auto", _one_of("media_columns", *MEDIA_COLUMNS))
    media_layout: str = _is(_TEXT, "table", _one_of("media_layout", "table", "grid"))
    media_size: str = _is(_TEXT, "medium", _one_of("media_size", "small", "medium", "large"))
    histograms: str = _is(_TEXT, "offset", _one_of("histograms", *HISTOGRAMS))
    y_ranges: Mapping[str, Range] = field(default_factory=dict)  # by metric
    # Of metrics whose steps are others than those of the first one.
    x_ranges: Mapping[str, Range] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # of the tab Charts
    notes: tuple[str, ...] = field(default=(), compare=False)  # which parts of a query were ignored

    def of_chart(self) -> View:
        """The view without what only the table or the media show."""
        return replace(self, **{name: _DEFAULTS[name] for name in (*OF_TABLE, *OF_MEDIA)})

    @classmethod
    def from_query(cls, query: str) -> View:
        """Read an address's query, with or without its question mark."""
        given: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(query.lstrip("?"), keep_blank_values=True, max_num_fields=20_000)
        except ValueError:
            return cls(notes=("The URL is too long to be read and is ignored.",))
        for name, text in pairs:
            given.setdefault(name, []).append(text)
        values: dict[str, Any] = {"x_ranges": {}, "y_ranges": {}, "options": {}}
        notes = []
        for name, texts in given.items():
            if name == "token":  # is no view's
                continue
            try:
                _take(values, name, texts)
            except QueryError as error:
                notes.append(
                    f"{name}={texts[-1]} in the URL is ignored: {error}.".replace("?.", "?")
                )
            except ValueError:
                notes.append(f"{name}={texts[-1]} in the URL is ignored: it has no such value.")
        return cls(**values, notes=tuple(notes))

    def to_query(self) -> str:
        """The query that ``from_query`` makes this of; "" where nothing was chosen.

        A selection too long for an address is left out.
        """
        pairs = [
            (name, text)
            for name, kind in _KINDS.items()
            if getattr(self, name) != _DEFAULTS[name]
            for text in kind.to_texts(getattr(self, name))
        ]
        for axis, ranges in (("x", self.x_ranges), ("y", self.y_ranges)):
            pairs += [(f"{axis}_range.{metric}", _pair(span)) for metric, span in ranges.items()]
        pairs += [(f"option.{name}", text) for name, text in self.options.items()]
        query = _encoded(pairs)
        if len(query) > LONGEST:
            query = _encoded([pair for pair in pairs if pair[0] != "selected"])
        return query

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | None) -> View:
        """What ``to_data`` gave to the page's store; there JSON has made lists of tuples.

        Raises:
            MalformedError: it did not.
        """
        expect_data(data)
        names = {f.name for f in fields(cls)}
        values = {name: _tupled(value) for name, value in (data or {}).items() if name in names}
        for name, value in values.items():
            if value is not None or _DEFAULTS.get(name, ()) is not None:
                expect(value, _SHAPES[name])
            if isinstance(value, str) and name != "smooth":  # whose number is typed
                _expect_choice(name, [value])
            if name == "summaries":
                _expect_choice(name, value)
        for name in ("x_ranges", "y_ranges"):
            spans = values.get(name, {}).items()
            expect([span for _, span in spans], [[NUMBER, NUMBER]])
            values[name] = {metric: _tupled(span) for metric, span in spans}
        return cls(**values)

    def to_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


_KINDS: dict[str, _Kind] = {
    f.name: f.metadata["kind"] for f in fields(View) if "kind" in f.metadata
}
_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(View) if "kind" in f.metadata}
_SHAPES: dict[str, Shape] = {  # of what a page's store has of each field
    **{name: kind.shape for name, kind in _KINDS.items()},
    **dict.fromkeys(("x_ranges", "y_ranges", "options"), dict),
    "notes": [str],
}


def _expect_choice(name: str, texts: Sequence[str]) -> None:
    """See that texts are such as an address may have, too; MalformedError where they are not."""
    try:
        _KINDS[name].from_texts([*texts])
    except ValueError as error:
        raise MalformedError(str(error)) from error


def _take(values: dict[str, Any], name: str, texts: list[str]) -> None:
    """Put what a query says under one name where it belongs."""
    name = FORMER.get(name, name)
    if name in _KINDS:
        values[name] = _KINDS[name].from_texts(texts)
    elif name.startswith(("x_range.", "y_range.")):
        values[f"{name[0]}_ranges"][name.partition(".")[2]] = _range(texts[-1])
    elif name.startswith("option."):
        values["options"][name.partition(".")[2]] = texts[-1]
    else:
        raise QueryError(f"it is unknown; {suggestion(name, _KINDS)}")


def _encoded(pairs: list[tuple[str, str]]) -> str:
    text = urlencode(pairs, quote_via=quote, safe="/:,<>=' ")
    return text.replace(" ", "+")


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
