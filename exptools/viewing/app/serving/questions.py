"""What a page asks of its callbacks, checked before Dash looks at it: what is none is answered 400.

The page's own scripts always ask well. Whoever else may send something, another user of this
machine for example, learns nothing from an error and writes no traceback to our terminal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash
from dash.exceptions import CallbackException, DependencyException
from flask import Flask, abort, request
from werkzeug.wrappers import Response

from exptools.viewing.app.serving.shapes import NUMBER, MalformedError, Shape, expect
from exptools.viewing.errors import QueryError

ROUTE = "/_dash-update-component"
TEXT = (str, type(None))
# What the properties of components hold.
PROPERTIES: dict[str, Shape] = {
    **dict.fromkeys(("n_clicks", "n_intervals", "n_submit", "n_blur", "max"), NUMBER),
    **dict.fromkeys(("disabled", "opened"), (bool, type(None))),
    "value": (str, int, float, bool, list, type(None)),
    "id": (str, dict),
}
# And what the stores do, for the page's scripts fill them; a view sees to itself.
STORES: dict[str, Shape] = {
    **dict.fromkeys(("address.data", "rows-key.data", "shown-where.data"), TEXT),
    "run-shown.data": (dict, type(None)),
    "funneled.data": {"text": str, "models": dict},
    "arranged.data": {"columns": [dict], "narrow": object},
    "starred.data": {"run": str},
    "clicked.data": {"curve": [int, int]},
    "pointed-at.data": {"view": dict, "curve": [int, int], "x": (int, float), "place": object},
    "runs.cellValueChanged": [{"rowId": str, "colId": str}],
    "run-note.id": {"run": str},
    **dict.fromkeys(("run-note.value", "tag-names.value"), TEXT),
    "run-compare.value": (str, type(None)),
    "run-slider.id": {"tag": str},
    "run-slider.value": NUMBER,
}
_MAY_BE_HALVES = (b"\\ud", b"\\uD", b"\xed")  # of characters, as JSON spells them
NONE_YET = (
    "clicked.data",
    "pointed-at.data",
)  # these are asked about before anything has been put there


def register(app: Dash) -> None:
    """Refuse what is no question."""
    server: Flask = app.server

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
    outputs = body["outputs"] if isinstance(body["outputs"], list) else [body["outputs"]]
    for output in outputs:
        for one in output if isinstance(output, list) else [output]:  # of a pattern there are many
            expect(one, {"id": (str, dict), "property": str})
    several = body["output"].startswith("..")
    if isinstance(body["outputs"], list) != several or (
        several and len(outputs) != body["output"].count("...") + 1
    ):
        raise MalformedError("it asks for other outputs")


def _check_parts(given: Any, declared: Sequence[Mapping[str, Any]]) -> None:
    expect(given, list)
    if len(given) != len(declared):
        raise MalformedError("it has other inputs")
    for part, known in zip(given, declared, strict=True):
        # Of a pattern that means many there is a list.
        for one in part if isinstance(part, list) else [part]:
            expect(one, {"id": (str, dict), "property": str})
            same_id = one["id"] == known["id"] or isinstance(one["id"], dict)
            if one["property"] != known["property"] or not same_id:
                raise MalformedError("it has other inputs")
            _check_value(one)


def _check_value(part: Mapping[str, Any]) -> None:
    name, value = part["id"], part.get("value")
    if isinstance(name, dict):  # a pattern's components are of one kind
        name = name.get("type")
    store = f"{name}.{part['property']}"
    if value is not None or store not in NONE_YET:
        expect(value, STORES.get(store, PROPERTIES.get(part["property"], object)))
