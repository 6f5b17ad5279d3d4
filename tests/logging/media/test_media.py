"""Texts, histograms, figures and hyperparameters, read back by TensorBoard's own readers."""

import json
import math

import matplotlib.figure
import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin
from werkzeug.test import Client

from exptools.logging.media.histograms import encode_histogram
from exptools.logging.media.hparams import encode_hparams, hparams_end
from exptools.logging.media.images import encode_figure
from exptools.logging.media.store import encode_text
from exptools.logging.writers.tensorboard import as_record


def write_events(directory, *summaries, scalars=()):
    """Write an event file as the logger does: framed messages, one a row."""
    directory.mkdir(exist_ok=True)
    values = [*summaries, *(Summary.Value(tag=tag, simple_value=v) for tag, v in scalars)]
    events = [
        Event(wall_time=1.0, file_version="brain.Event:2"),
        Event(wall_time=2.0, step=7, summary=Summary(value=values)),
    ]
    content = b"".join(as_record(event.SerializeToString()) for event in events)
    (directory / "events.out.tfevents.1.host").write_bytes(content)


@pytest.fixture
def accumulated(tmp_path):
    def read(*summaries):
        write_events(tmp_path / "run", *summaries)
        return EventAccumulator(str(tmp_path / "run")).Reload()

    return read


@pytest.fixture
def provider(tmp_path):
    """What TensorBoard's pages ask for the runs in a directory."""

    def load():
        multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
        multiplexer.Reload()
        return MultiplexerDataProvider(multiplexer, str(tmp_path))

    return load


@pytest.fixture
def shown(tmp_path, provider):
    """The point that a page of TensorBoard gets for messages of one tag."""

    def read(page, *summaries):
        write_events(tmp_path / "run", *summaries)
        runs = provider().read_tensors(
            RequestContext(), experiment_id="", plugin_name=page, downsample=10
        )
        ((point,),) = runs["run"].values()
        return point

    return read


def test_tensorboard_shows_a_text_and_the_file_holds_it(shown):
    text = "# Sampled\n\n*größer* 🙂\r\n"
    medium = encode_text("sample", text)
    assert (medium.kind, medium.extension) == ("text", "txt")
    assert medium.content.decode() == text
    point = shown("text", *medium.summaries)
    assert point.step == 7
    assert point.numpy.item().decode() == text


def test_bytes_that_are_no_utf8_do_not_stop_a_text():
    assert encode_text("path", "a\udcffb").content == b"a?b"


def test_what_is_no_text_is_refused_by_its_tag():
    with pytest.raises(TypeError, match=r"the text 'sample' should be a str, not int: give str"):
        encode_text("sample", 3)


def test_tensorboard_reads_a_histogram_as_it_was_counted(accumulated):
    values = np.random.default_rng(0).normal(size=(10, 100))
    medium = encode_histogram("weights", values, bins=20)
    (event,) = accumulated(*medium.summaries).Histograms("weights")
    counts, edges = np.histogram(values, 20)
    histogram = event.histogram_value
    assert histogram.bucket == counts.tolist()
    assert histogram.bucket_limit == pytest.approx(edges[1:])
    assert (histogram.min, histogram.max, histogram.num) == (values.min(), values.max(), 1000)
    assert histogram.sum == pytest.approx(values.sum())
    assert histogram.sum_squares == pytest.approx((values**2).sum())
    file = json.loads(medium.content)
    assert file["counts"] == counts.tolist()
    assert file["edges"] == pytest.approx(edges)


def test_tensorboards_page_gets_the_bins_of_a_histogram(shown):
    point = shown("histograms", *encode_histogram("h", [0, 1, 1, 4], bins=4).summaries)
    assert point.numpy.tolist() == [[0, 1, 1], [1, 2, 2], [2, 3, 0], [3, 4, 1]]


def test_nan_and_infinities_are_counted_and_left_out():
    values = [1.0, 2.0, math.nan, math.inf, math.inf, -math.inf]
    medium = encode_histogram("grad", torch.tensor(values), bins=2)
    file = json.loads(medium.content)
    assert (file["nan"], file["inf"], file["-inf"]) == (1, 2, 1)
    assert (file["count"], file["min"], file["max"], file["sum"]) == (2, 1, 2, 3)
    assert medium.summaries[0].histo.num == 2


def test_a_histogram_without_a_finite_value_has_no_bins(shown):
    medium = encode_histogram("grad", [math.nan] * 3)
    file = json.loads(medium.content)
    assert (file["edges"], file["counts"], file["min"], file["nan"]) == ([], [], None, 3)
    assert shown("histograms", *medium.summaries).numpy.shape == (0, 3)


@pytest.mark.parametrize(
    "values",
    [
        [3, 3, 3],
        [True, False, True],
        [-1.7e308, 1.7e308],
        [5e-324, 1e-323, 0],
        [1.0, np.nextafter(1.0, 2)],
        [1e16, 1e16 + 2, 1e16 + 4],
        np.array([2**63, 1], np.uint64),
        torch.ones(4, dtype=torch.bfloat16, requires_grad=True),
        5,
    ],
    ids=repr,
)
def test_a_histogram_counts_every_value_however_odd_the_range(values):
    file = json.loads(encode_histogram("h", values).content)
    plain = values.tolist() if hasattr(values, "tolist") else values
    expected = len(plain) if isinstance(plain, list) else 1
    assert sum(file["counts"]) == file["count"] == expected
    assert len(file["edges"]) == len(file["counts"]) + 1
    assert file["edges"] == sorted(file["edges"])


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([], ValueError, r"the histogram 'h' is empty: its shape is \(0,\)"),
        ("text", TypeError, "should be an array, a tensor or a list of real numbers, not str"),
        ([1j], TypeError, "not list of complex128"),
        ([[1], [1, 2]], ValueError, "the histogram 'h' cannot be made an array"),
        (np.ma.array([1, 2], mask=[0, 1]), ValueError, "masked array: say what is masked with"),
        (None, TypeError, "not NoneType None"),
    ],
)
def test_what_has_no_histogram_is_refused_by_its_tag(values, error, message):
    with pytest.raises(error, match=message):
        encode_histogram("h", values)


@pytest.mark.parametrize("bins", [0, -1, 2.5, 10**12])
def test_bins_that_are_no_number_of_bins_are_refused(bins):
    with pytest.raises(ValueError, match="the histogram 'h' needs bins from 1 to 1,048,576, not"):
        encode_histogram("h", [1], bins)


@pytest.mark.parametrize("of", [lambda figure, axes: figure, lambda figure, axes: axes])
def test_a_matplotlib_figure_is_shown_by_tensorboard_and_kept_as_png(accumulated, of):
    figure = matplotlib.figure.Figure(figsize=(2, 1), dpi=50)
    axes = figure.add_subplot()
    axes.plot([1, 2])
    medium = encode_figure("curve", of(figure, axes))
    assert (medium.kind, medium.extension) == ("figure", "png")
    (event,) = accumulated(*medium.summaries).Images("curve")
    assert (event.width, event.height) == (100, 50)
    assert event.encoded_image_string == medium.content


def test_a_plotly_figure_is_kept_as_json_that_plotly_reads():
    medium = encode_figure("curve", go.Figure(go.Scatter(y=[1, 2])))
    assert (medium.kind, medium.extension, medium.summaries) == ("figure", "json", ())
    again = go.Figure(json.loads(medium.content))
    assert list(again.data[0].y) == [1, 2]


@pytest.mark.parametrize("figure", ["curve", [1, 2], matplotlib.figure.Figure, None])
def test_what_is_no_figure_is_refused_by_its_tag(figure):
    with pytest.raises(TypeError, match="the figure 'c' should be one of matplotlib or"):
        encode_figure("c", figure)


CONFIG = {
    "lr": 1e-3,
    "model": {"layers": [64, 64], "bias": True, "act": "relu", "empty": {}},
    "seed": 3,
    "clip": None,
    "limit": math.inf,
    "big": 2**63,
    "numpy": np.float32(0.5),
}
FLAT = {
    "lr": 1e-3,
    "model.layers": "[64, 64]",
    "model.bias": True,
    "model.act": "relu",
    "model.empty": "{}",
    "seed": 3,
    "clip": "None",
    "limit": "inf",
    "big": str(2**63),
    "numpy": 0.5,
}


def hparams_page(provider):
    """What TensorBoard's HParams page is served: columns, metrics, and a row for each run."""
    plugin = HParamsPlugin(TBContext(data_provider=provider))

    def ask(route, **request):
        reply = Client(plugin.get_plugin_apps()[route]).post("/", json=request)
        return json.loads(reply.data)

    experiment = ask("/experiment", experimentName="")
    metrics = [info["name"] for info in experiment["metricInfos"]]
    columns = [{"hparam": info["name"]} for info in experiment["hparamInfos"]]
    statuses = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    groups = ask(
        "/session_groups",
        allowedStatuses=statuses,
        colParams=columns + [{"metric": metric} for metric in metrics],
        startIndex=0,
        sliceSize=9,
    )["sessionGroups"]
    rows = {group["sessions"][0]["name"]: group for group in groups}
    return {c["hparam"] for c in columns}, {metric["tag"] for metric in metrics}, rows


def metrics_of(row):
    return {value["name"]["tag"]: value["value"] for value in row["metricValues"]}


def test_hyperparameters_stand_beside_the_scalars_of_their_own_run(tmp_path, provider):
    medium = encode_hparams(CONFIG)
    write_events(
        tmp_path / "a", *medium.summaries, hparams_end(succeeded=True), scalars=[("loss", 0.5)]
    )
    other = encode_hparams({"lr": 0.25, "extra": "x"})
    write_events(
        tmp_path / "b", *other.summaries, hparams_end(succeeded=False), scalars=[("acc", 2.0)]
    )
    names, metrics, rows = hparams_page(provider())
    assert names == {*FLAT, "extra"}
    assert metrics == {"loss", "acc"}
    assert rows["a"]["hparams"] == FLAT
    assert metrics_of(rows["a"]) == {"loss": 0.5}
    assert rows["b"]["hparams"] == {"lr": 0.25, "extra": "x"}
    (a, b) = rows["a"]["sessions"][0], rows["b"]["sessions"][0]
    assert (a["status"], b["status"]) == ("STATUS_SUCCESS", "STATUS_FAILURE")
    assert a["endTimeSecs"] >= a["startTimeSecs"] > 0
    assert json.loads(medium.content) == FLAT


def test_metrics_that_are_named_are_those_that_the_table_shows(tmp_path, provider):
    medium = encode_hparams({"lr": 0.5, "name": "x"}, metrics=["loss"])
    write_events(tmp_path / "a", *medium.summaries, scalars=[("loss", 0.5), ("time", 1.0)])
    names, metrics, rows = hparams_page(provider())
    assert (names, metrics) == ({"lr", "name"}, {"loss"})
    assert metrics_of(rows["a"]) == {"loss": 0.5}


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ([1], TypeError, "hyperparameters are a mapping, not list: give a dict, or vars"),
        ({1: 2}, TypeError, r"a hyperparameter's name is text, not 1 \(int\)"),
        ({"a.b": 1, "a": {"b": 2}}, ValueError, "'a.b' is there twice, once within a mapping"),
    ],
)
def test_what_are_no_hyperparameters_is_refused(config, error, message):
    with pytest.raises(error, match=message):
        encode_hparams(config)


def test_a_figure_of_plotly_is_logged_without_matplotlib_or_a_browser(run_python):
    code = (
        "import sys, plotly.graph_objects as go; from exptools.logging.media.images import *; "
        "encode_figure('f', go.Figure()); print({'matplotlib', 'kaleido'} & set(sys.modules))"
    )
    assert run_python(code).stdout == "set()\n"
