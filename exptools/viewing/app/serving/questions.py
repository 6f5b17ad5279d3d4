"""What a page asks of its callbacks, checked before Dash looks at it: what is none is answered 400.

The page's own scripts always ask well. Whoever else may send something, another user of this
machine for example, learns nothing from an error and writes no traceback to our terminal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from dash import Dash
from dash.exceptions import CallbackException, DependencyException
from flask import Flask, abort, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_date
from werkzeug.wrappers import Response

from exptools.plain_json import parse_json
from exptools.viewing.app.serving.shapes import NUMBER, PLACE, TEXT, MalformedError, Shape, expect
from exptools.viewing.errors import QueryError

ROUTE = "/_dash-update-component"
# What the properties of components hold, whichever component it is.
PROPERTIES: dict[str, Shape] = {
    **dict.fromkeys(("n_clicks", "n_intervals", "n_submit", "n_blur"), NUMBER),
    **dict.fromkeys(("disabled", "opened"), (bool, type(None))),
    # What the page says already, which an answer is compared with.
    **dict.fromkeys(("children", "className", "error", "hidden", "style"), object),
    "id": (str, dict),
}
_LOG = {"run": str, "log": str, "start": PLACE, "end": PLACE, "size": PLACE, "inode": int}
_COLUMN = {"colId": str, "pinned": TEXT, "width": (int, float), "flex": NUMBER}
# And what single ones do, for the page's scripts fill the stores; a view sees to itself.
STORES: dict[str, Shape] = {
    **dict.fromkeys(("address.data", "rows-key.data", "shown-where.data"), TEXT),
    **dict.fromkeys(("colors.data", "run-colors.data", "drawn.data", "run-patch.children"), TEXT),
    **dict.fromkeys(("run-log-name.value", "run-media-filter.value"), TEXT),
    **dict.fromkeys(("view.data", "table-view.data", "charts-view.data", "run-view.data"), object),
    # With these only what is there now is compared.
    **dict.fromkeys(("version.data", "marks.data", "run-stamps.data", "runs.columnDefs"), object),
    **dict.fromkeys(("baseline.data", "spread-key.data"), object),
    "chart-drawn.data": ({"kinds": object}, type(None)),
    "run-shown.data": ({"name": str}, type(None)),
    "run-log-shown.data": ({**_LOG, "follows": bool, "completed": bool}, type(None)),
    "run-media-stamp.data": ([str, object, object], type(None)),
    "funneled.data": {"text": str, "models": dict},
    "arranged.data": {"columns": [_COLUMN], "narrow": object},
    "starred.data": {"stars": [[str, bool]]},
    "clicked.data": {"curve": [PLACE, PLACE]},
    "pointed-at.data": {"view": dict, "curve": [PLACE, PLACE], "x": (int, float), "place": object},
    "runs.cellValueChanged": [{"rowId": str, "colId": str}],
    "run-note.id": {"run": str},
    **dict.fromkeys(("run-note.value", "tag-names.value"), TEXT),
    "run-compare.value": (str, type(None)),
    "run-slider.id": {"tag": str},
    **dict.fromkeys(("run-slider.value", "run-slider.max"), PLACE),
}
_MAY_BE_HALVES = (b"\\ud", b"\\uD", b"\xed")  # of characters, as JSON spells them
NONE_YET = (
    "clicked.data",
    "pointed-at.data",
)  # these are asked about before anything has been put there


class _BrowsersJson(DefaultJSONProvider):
    """JSON as browsers write it: numbers are finite, and those of very many digits not exact."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """See ``DefaultJSONProvider``."""
        numbers: dict[str, Any] = {
            "parse_int": _whole,
            "parse_float": _finite,
            "parse_constant": _finite,
        }
        return super().loads(s, **kwargs, **numbers)


def _whole(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**64 else _finite(text)  # what an answer can repeat


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number of JSON")
    return number


def register(app: Dash) -> None:
    """Refuse what is no question."""
    server: Flask = app.server
    server.json = _BrowsersJson(server)

    @server.before_request
    def check_dates() -> None:
        for name in ("If-Modified-Since", "If-Unmodified-Since", "If-Range"):
            try:
                parse_date(request.headers.get(name))
            except OverflowError as error:
                raise MalformedError(f"{name} is no date") from error

    @server.before_request
    def check() -> None:
        if request.path != ROUTE or request.method != "POST":
            return
        try:
            body = request.get_json()
        except RecursionError as error:
            raise MalformedError("it is nested too deeply") from error
        _refuse_halves(request.get_data(), body)
        _check_question(app.callback_map, body)

    @server.errorhandler(MalformedError)
    def refuse(_: MalformedError) -> Response:
        return _sentence(400, "This is nothing that a page of exptools-dash sends.")

    @server.errorhandler(QueryError)
    def refuse_choice(_: QueryError) -> Response:
        return refuse(MalformedError())  # what a page sends has only what there is

    @server.errorhandler(CallbackException)
    def refuse_outputs(error: CallbackException) -> Response:
        if type(error) is not CallbackException:  # of our answer something is wrong
            raise error
        return refuse(MalformedError())

    @server.errorhandler(DependencyException)
    def not_found(_: DependencyException) -> Response:
        return _sentence(404, "There is no such script.")

    @server.errorhandler(HTTPException)
    def refuse_request(error: HTTPException) -> Response | HTTPException:
        if error.response is not None or error.code is None or error.code < 400:
            return error  # it is answered already, or leads elsewhere
        answer = _sentence(error.code, error.description or error.name)
        # Such as Allow, without which a refused method is no answer of HTTP's.
        answer.headers.extend(h for h in error.get_headers() if h[0] != "Content-Type")
        return answer


def _sentence(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, content_type="text/plain; charset=utf-8")


def _refuse_halves(content: bytes, body: Any) -> None:
    """Raise MalformedError where a text has half of a character, which no answer can repeat."""
    if any(mark in content for mark in _MAY_BE_HALVES):
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise MalformedError("it has half of a character") from error


def _check_question(callbacks: Mapping[str, Any], body: Any) -> None:
    """See that a callback is asked, for its outputs, with its inputs and states."""
    expect(body, {"output": str, "outputs": (list, dict), "inputs": list})
    callback = callbacks.get(body["output"])
    if callback is None or "callback" not in callback:  # those in the browser have none
        abort(400)
    expect(body.get("changedPropIds", []), [str])
    for given, declared in (("inputs", "inputs"), ("state", "state")):
        _check_parts(body.get(given, []), callback[declared])
    _check_outputs(body["output"], body["outputs"])


def _check_outputs(name: str, given: Any) -> None:
    """See that the outputs are those in a callback's name: "a.x", or "..a.x...b.y@1f.."."""
    is_several = name.startswith("..")
    expect(given, list if is_several else dict)
    names = name[2:-2].split("...") if is_several else [name]
    outputs = given if is_several else [given]
    if len(outputs) != len(names):
        raise MalformedError("it asks for other outputs")
    for output, one in zip(outputs, names, strict=True):
        known, _, ending = one.rpartition(".")
        for component in _components(output, known):
            if component["property"].partition("@")[0] != ending.partition("@")[0]:
                raise MalformedError("it asks for other outputs")


def _components(part: Any, known: str) -> list[Any]:
    """What is given for a declared id: one component or, of a pattern for many, each of them.

    Raises:
        MalformedError: it is for another id.
    """
    pattern = _pattern(known)
    is_many = pattern is not None and ["ALL"] in pattern.values()
    expect(part, list if is_many else dict)
    components: list[Any] = part if is_many else [part]
    for one in components:
        expect(one, {"id": (str, dict), "property": str})
        if not (one["id"] == known if pattern is None else _is_of(one["id"], pattern)):
            raise MalformedError("it is of another component")
    return components


def _check_parts(given: Any, declared: Sequence[Mapping[str, Any]]) -> None:
    """See that what is given are the declared parts; of a pattern for many each part is a list."""
    expect(given, list)
    if len(given) != len(declared):
        raise MalformedError("it has other inputs")
    those: dict[str, list[Any]] = {}  # by declared id, which components are there
    for part, known in zip(given, declared, strict=True):
        components = _components(part, known["id"])
        ids = [one["id"] for one in components]
        if those.setdefault(known["id"], ids) != ids:
            raise MalformedError("it has not the same of each")
        for one in components:
            if one["property"] != known["property"]:
                raise MalformedError("it has other inputs")
            _check_value((_pattern(known["id"]) or {"type": known["id"]})["type"], one)


@cache
def _pattern(known: str) -> Mapping[str, Any] | None:
    """The parts of an id that stands for several components, None of one that stands for itself."""
    if not known.startswith("{"):
        return None
    pattern: dict[str, Any] = {"type": None, **parse_json(known)}
    return pattern


def _is_of(given: Any, pattern: Mapping[str, Any]) -> bool:
    """Whether an id is of a component that a pattern stands for."""
    own = {name: part for name, part in pattern.items() if part is not None}
    return (
        isinstance(given, dict)
        and given.keys() == own.keys()
        and all(
            isinstance(given[name], str | int | float)
            if isinstance(part, list)
            # One of all, or the same: ["ALL"], ["MATCH"].
            else given[name] == part
            for name, part in own.items()
        )
    )


def _check_value(name: str | None, part: Mapping[str, Any]) -> None:
    store, value = f"{name}.{part['property']}", part.get("value")
    if value is not None or store not in NONE_YET:
        # What nobody has thought of is refused: a test sees that there is no such part.
        expect(value, STORES.get(store, PROPERTIES.get(part["property"], ())))
