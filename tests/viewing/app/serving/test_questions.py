"""What is asked of the callbacks: a page's questions are answered, all else is refused quietly."""

import json
import logging

import pytest

from exptools.viewing.app import create_app
from exptools.viewing.app.run import attempts, config, head, log, media, resources, tab
from exptools.viewing.app.run.reading import FAILED
from exptools.viewing.app.serving.questions import PROPERTIES, STORES
from exptools.viewing.app.view import View
from tests.viewing.samples import indexed, write_run

HERE = "http://127.0.0.1:8050"
ROUTE = "/_dash-update-component"
VIEW = View().to_data()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    write_run(tmp_path_factory.mktemp("runs") / "0", {"seed": 1}, "step,loss\n0,1\n")
    app = create_app(indexed(tmp_path_factory.getbasetemp()))
    app.server.test_client().get("/", base_url=HERE)  # Dash knows its callbacks then
    return app


@pytest.fixture
def send(app, caplog):
    """Post something; the status of the answer, and what was logged of it."""

    def send(body, path=ROUTE):
        content = body if isinstance(body, bytes) else json.dumps(body)
        answer = app.server.test_client().post(
            *(path,), data=content, content_type="application/json", base_url=HERE
        )
        return answer.status_code, caplog.text

    caplog.set_level(logging.WARNING)
    return send


def part(name, value, kind="data"):
    return {"id": name, "property": kind, "value": value}


def question(**changes):
    """What a page asks when its clock ticks."""
    asked = {
        "output": "version.data",
        "outputs": {"id": "version", "property": "data"},
        "inputs": [part("clock", 1, "n_intervals")],
        "state": [part("version", -1)],
        "changedPropIds": ["clock.n_intervals"],
    }
    return asked | changes


def test_a_question_of_the_page_is_answered(send):
    assert send(question()) == (200, "")


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], None, 1, "x", {"output": "x"}, {"output": []}, {"output": 1, "inputs": 3}),
        *(b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"output": "\\ud800"}'),
        question(output="no such"),
        question(output="table-view.data"),  # which the browser computes
        question(outputs=[]),
        question(outputs=7),
        question(outputs={"id": "version"}),
        question(inputs={}),
        question(inputs=[]),
        question(inputs=[1]),
        question(inputs=[part("clock", [], "n_intervals")]),
        question(inputs=[part("other", 1, "n_intervals")]),
        question(inputs=[part("clock", 1, "value")]),
        question(state=None),
        question(state=[part("version", 1), part("version", 1)]),
        question(changedPropIds=5),
        question(changedPropIds=[{}]),
    ],
)
def test_what_is_no_question_is_refused_without_a_traceback(send, body):
    assert send(body) == (400, "")


@pytest.mark.parametrize(
    "data",
    [5, [], "x", *({**VIEW, **odd} for odd in (
        {"metrics": 5}, {"metrics": [5]}, {"by": [{}]}, {"where": None}, {"page": "x"},
        {"x_range": "ab"}, {"x_range": [1, 2, 3]}, {"x_ranges": {"loss": [1]}},
        {"y_ranges": []}, {"y_ranges": {"loss": "ab"}}, {"clip": 1},
        {"summaries": ["ema:nan"]}, {"summaries": ["last", "at:inf"]},
    ))],
)  # fmt: skip
def test_a_view_that_no_page_has_is_refused_too(app, send, data):
    name = next(name for name in app.callback_map if name.startswith("..python.opened..."))
    outputs = [{"id": "python", "property": "opened"}]
    outputs.append({"id": "python-lines", "property": "children"})
    asked = question(
        output=name,
        outputs=outputs,
        inputs=[part("as-python", 1, "n_clicks")],
        state=[part("view", VIEW)],
        changedPropIds=["as-python.n_clicks"],
    )
    assert send(asked) == (200, "")
    assert send(asked | {"state": [part("view", data)]}) == (400, "")


@pytest.mark.parametrize(
    "clicked",
    [
        5,
        [],
        {},
        {"curve": 1},
        {"curve": [1]},
        {"curve": ["a", 1]},
        {"curve": [-1, 10**9]},
        {"curve": [0, -1]},
        {"curve": [0, 10**30]},
    ],
)
def test_a_click_on_no_curve_is_refused_too(app, send, clicked):
    name = next(n for n, c in app.callback_map.items() if c["inputs"][0]["id"] == "clicked")
    asked = question(
        output=name,
        outputs={"id": "view", "property": "data"},
        inputs=[part("clicked", {"curve": [0, 0]})],
        state=[part("view", VIEW)],
        changedPropIds=["clicked.data"],
    )
    assert send(asked)[1] == ""
    assert send(asked | {"inputs": [part("clicked", clicked)]}) == (400, "")


NONSENSE = [
    None,
    5,
    "\u202e</script>",
    ["x", 7],
    {"run": 5, "a": []},
    [{"rowId": "0", "colId": "note", "value": 5}],
]


def named(given, value):
    """A part of a question as a page asks it, for a part as a callback declares it."""
    name = given["id"]
    if not name.startswith("{"):
        return part(name, value, given["property"])
    name = {key: "x" if isinstance(its, list) else its for key, its in json.loads(name).items()}
    one = part(name, value, given["property"])
    return [one] if "ALL" in given["id"] else one


def outputs_of(name):
    """What a callback of this name answers, as a page asks for it."""
    given = [one.rpartition(".") for one in name.strip(".").split("...")]
    outputs = [named({"id": of, "property": kind.split("@")[0]}, None) for of, _, kind in given]
    for output in outputs:
        del output["value"]
    return outputs if name.startswith("..") else outputs[0]


def test_of_every_part_of_a_question_there_is_said_what_it_may_be(app):
    declared = [
        part
        for callback in app.callback_map.values()
        if "callback" in callback
        for part in (*callback["inputs"], *callback["state"])
    ]
    for given in declared:
        name = given["id"]
        kind = json.loads(name).get("type") if name.startswith("{") else name
        assert f"{kind}.{given['property']}" in STORES or given["property"] in PROPERTIES


def empty(given):
    """A part of a question in which nothing stands but what its component is called."""
    one = named(given, None)
    for component in one if isinstance(one, list) else [one]:
        nothing = 0 if "run-slider" in given["id"] else None
        component["value"] = component["id"] if component["property"] == "id" else nothing
    return one


def asked_of(app, beginning):
    """A question to the callback whose name begins so, with nothing in it."""
    name = next(
        n for n, c in app.callback_map.items() if n.startswith(beginning) and "callback" in c
    )
    declared = app.callback_map[name]
    first = declared["inputs"][0]
    return {
        "output": name,
        "outputs": outputs_of(name),
        "inputs": list(map(empty, declared["inputs"])),
        "state": list(map(empty, declared["state"])),
        "changedPropIds": [f"{first['id']}.{first['property']}"],
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/", 405), ("DELETE", ROUTE, 405), ("POST", ROUTE, 415), ("GET", "/file?run=x", 404)],
)
def test_a_request_of_another_kind_is_answered_with_one_sentence(app, method, path, status):
    answer = app.server.test_client().open(path, method=method, base_url=HERE)
    assert (answer.status_code, answer.mimetype) == (status, "text/plain")
    assert answer.text.count("\n") == 1
    assert ("Allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("beginning", "module"),
    [
        ("..run-shown", tab),
        ("..run-facts", head),
        ("..run-log-new", log),
        ("..run-media-cards", media),
        ("..run-commands", config),
        ("run-differences-table", config),
        ("..run-attempts-table", attempts),
        ("..run-usage", resources),
    ],
)
def test_a_failure_in_the_tab_of_a_run_leaves_nothing_of_the_run_before(
    app, monkeypatch, caplog, beginning, module
):
    monkeypatch.setattr(module, "View" if module is tab else "shown_run", None)
    answer = app.server.test_client().post(ROUTE, json=asked_of(app, beginning), base_url=HERE)
    assert answer.status_code == 200
    assert FAILED in answer.text
    assert "'NoneType' object" in caplog.text


SLIDER = {"id": {"type": "run-slider", "tag": "x"}, "property": "value", "value": 0}
LOG = {"run": "0", "log": "x", "start": 0, "end": 0, "size": 0, "inode": 0, "follows": True}
WHOLE_LOG = LOG | {"completed": False}


@pytest.mark.parametrize(
    ("beginning", "given", "at", "values"),
    [
        ("..run-log-new", "state", 0, ["x", {}, LOG, LOG | {"completed": 5}, [1]]),
        ("..run-media-cards", "state", 0, [5, "x", {}, [], [5, 1, 1]]),
        ("..run-log-new", "inputs", 0, ["x", {}, {"name": 5}]),
        ("..run-log-new", "inputs", 1, [5, True, []]),
        ("..drawing.data", "inputs", 2, [5, {}]),
        ("..run-log-new", "state", 0, [WHOLE_LOG | {"start": -1}, WHOLE_LOG | {"size": 2**60}]),
        ("..run-media-cards", "state", 1, [[SLIDER | {"value": one}] for one in (None, 0.5, -1)]),
        ('..{"tag":["MATCH"],"type":"run-medium"}', "inputs", 0, [None, 0.5, -1]),
    ],
)
def test_what_a_store_never_holds_is_refused(app, send, beginning, given, at, values):
    asked = asked_of(app, beginning)
    assert send(asked)[0] in (200, 204)
    usual = asked[given]
    for value in values:
        part_ = value if isinstance(usual[at], list) else usual[at] | {"value": value}
        odd = [*usual[:at], part_, *usual[at + 1 :]]
        assert send(asked | {given: odd}) == (400, "")


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999", b"1" * 400, b"1" * 5000])
def test_a_number_that_no_browser_has_is_refused(send, number):
    content = json.dumps(question()).encode()
    assert send(content.replace(b": -1", b": " + number)) == (400, "")


def test_a_number_of_many_digits_is_what_a_browser_takes_it_for(app, send):
    asked = asked_of(app, "..filtered.data")
    models = {"lr": {"filterType": "number", "type": "equals", "filter": 10**20}}
    where = [one["id"] for one in asked["inputs"]].index("funneled")

    def sent(models):
        asked["inputs"][where] = part("funneled", {"text": "", "models": models})
        return send(asked)

    assert sent(models) == (200, "")
    assert sent({"run": None, "config a": {"type": "equals", "filter": 5}}) == (200, "")
    for model in (5, "x", [1], True):
        assert sent({"run": model}) == (400, "")


@pytest.mark.parametrize(
    "odd",
    [{"colId": []}, {"pinned": -1}, {"width": None}, {"width": "x"}, {"flex": "x"}],
)
def test_columns_that_stand_as_none_can_are_refused(app, send, odd):
    column = {"colId": "run", "hide": False, "pinned": "up", "width": 1e300, "flex": None}
    name = next(n for n, c in app.callback_map.items() if c["inputs"][0]["id"] == "arranged")

    def asked(column):
        return question(
            output=name,
            outputs={"id": "view", "property": "data"},
            inputs=[part("arranged", {"columns": [column], "narrow": False})],
            state=[part("view", VIEW)],
            changedPropIds=["arranged.data"],
        )

    assert send(asked(column)) == (200, "")
    assert send(asked(column | odd)) == (400, "")
    del column["flex"]
    assert send(asked(column)) == (400, "")


def test_a_part_of_a_question_passes_as_no_other_one(app, send):
    asked = asked_of(app, "..run-log-new")
    first, *others = asked["inputs"]
    for odd in ({"a": 1}, {"type": "run-shown"}, 5, "run-log-name"):
        disguised = first | {"id": odd, "value": "x"}
        assert send(asked | {"inputs": [disguised, *others]}) == (400, "")
    assert send(asked | {"inputs": [[first], *others]}) == (400, "")
    for output in ([], [asked["outputs"][0]], asked["outputs"][1]):
        assert send(asked | {"outputs": [output, *asked["outputs"][1:]]}) == (400, "")


def test_of_components_of_a_kind_as_many_of_each_property_are_given(app, send):
    asked = asked_of(app, "..run-star")
    places = [
        at for at, one in enumerate(asked["inputs"] + asked["state"]) if isinstance(one, list)
    ]
    assert len(places) == 2
    assert send(asked)[0] == 200
    asked["state"][-1] = []
    assert send(asked) == (400, "")


@pytest.mark.slow
def test_whatever_stands_in_a_question_no_callback_fails_or_tells_of_it(app, send):
    asked = 0
    for name, callback in app.callback_map.items():
        if "callback" not in callback:  # the browser answers it
            continue
        declared = [*callback["inputs"], *callback["state"]]
        usual = {"n_clicks": 1, "n_intervals": 1}
        values = [VIEW if "view" in one["id"] else usual.get(one["property"]) for one in declared]
        for at in range(len(declared)):
            for nonsense in NONSENSE[at % 3 :: 3]:  # all of it at all places takes a minute
                parts = list(map(named, declared, [*values[:at], nonsense, *values[at + 1 :]]))
                inputs = parts[: len(callback["inputs"])]
                status, told = send(
                    {
                        "output": name,
                        "outputs": outputs_of(name),
                        "inputs": inputs,
                        "state": parts[len(inputs) :],
                        "changedPropIds": [f"{declared[0]['id']}.{declared[0]['property']}"],
                    }
                )
                assert (status in (200, 204, 400), told) == (True, ""), (name, declared[at])
                asked += 1
    assert asked > 200


def test_a_question_for_the_output_of_another_part_is_refused(app, send):
    (name,) = (name for name in app.callback_map if '"type":"run-medium"' in name)
    slider = {"type": "run-slider", "tag": "x"}
    asked = question(
        output=name,
        outputs=outputs_of(name),
        inputs=[part(slider, 0, "value")],
        state=[part(slider, slider, "id"), part("run-shown", None), part("run-colors", None)],
        changedPropIds=['{"tag":"x","type":"run-slider"}.value'],
    )
    assert send(asked)[0] in (200, 204)
    asked["outputs"][0]["id"]["type"] = "another"
    assert send(asked) == (400, "")


def test_outputs_in_lists_and_a_partner_that_is_no_name_are_refused(app, send):
    name = next(n for n, c in app.callback_map.items() if "run-compare" in str(c["inputs"]))
    asked = question(
        output=name,
        outputs=outputs_of(name),
        inputs=[part("run-shown", None), part("run-compare", None, "value")],
        state=[],
        changedPropIds=["run-compare.value"],
    )
    assert send(asked)[0] in (200, 204)
    odd = [part("run-shown", None), part("run-compare", -(2**63), "value")]
    assert send(asked | {"inputs": odd}) == (400, "")
    several = next(name for name in app.callback_map if name.startswith("..python.opened..."))
    assert send(question(output=several, outputs=[[1, 2, 3], [4]])) == (400, "")


@pytest.mark.parametrize(
    "odd", [{"states": "x"}, {"center": "x"}, {"tab": "x"}, {"where": "\ud800"}, {"by": ["\ud800"]}]
)
def test_a_view_of_choices_that_there_are_not_is_refused(app, send, odd):
    name = next(name for name in app.callback_map if name.startswith("..python.opened..."))
    asked = question(
        output=name,
        outputs=outputs_of(name),
        inputs=[part("as-python", 1, "n_clicks")],
        state=[part("view", VIEW | odd)],
        changedPropIds=["as-python.n_clicks"],
    )
    assert send(asked) == (400, "")


def test_an_emoji_is_two_halves_of_a_character_and_no_fault(app, send):
    name = next(name for name in app.callback_map if name.startswith("..python.opened..."))
    asked = question(
        output=name,
        outputs=outputs_of(name),
        inputs=[part("as-python", 1, "n_clicks")],
        state=[part("view", VIEW | {"where": "name = '🤔'"})],
        changedPropIds=["as-python.n_clicks"],
    )
    assert b"\\ud83e" in json.dumps(asked).encode()
    assert send(asked) == (200, "")


@pytest.mark.parametrize(
    "path",
    ["dash/no.js", "os/x", "%1b%5d0;x%07/x", "dash/../../setup.py", "dash/%00", "dash"],
)
def test_a_script_that_is_none_is_not_found_and_nothing_is_told_of_it(app, caplog, path):
    answer = app.server.test_client().get(f"/_dash-component-suites/{path}", base_url=HERE)
    if path != "dash":  # which is the page's own address, of nothing
        assert (answer.status_code, answer.text) == (404, "There is no such script.\n")
    assert caplog.text == ""


def test_a_body_is_bounded_whoever_serves_the_app(send):
    assert send(b" " * (8 * 2**20 + 1)) == (413, "")
