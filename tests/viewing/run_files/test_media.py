"""What a run logged besides scalars: the logger writes, the viewer reads; and what others write."""

import json
import re
import time

import pytest

from exptools.logging.media.histograms import encode_histogram
from exptools.logging.media.store import EncodedMedium
from exptools.rundir import MEDIA_INDEX
from exptools.viewing.figures.single_run import histogram_figure
from exptools.viewing.figures.untrusted import untrusted_figure
from exptools.viewing.run_files import media
from tests.media_samples import write_medium

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")


def line(**changes):
    record = {"tag": "a", "step": 1, "kind": "image", "path": "media/a/1.png", "wall_time": 1.5}
    return json.dumps(record | changes).encode() + b"\n"


def followed(path, known=None):
    known = known or media.MediaIndex()
    with path.open("rb") as file:
        return known, known.follow(file)


def test_the_index_of_the_logger_is_read_by_tag_and_step(tmp_path):
    for step in (20, 3):
        write_medium(tmp_path, "eval/frame", step, EncodedMedium("image", "png", PNG), 1.0)
    write_medium(tmp_path, "eval/frame", 3, EncodedMedium("image", "png", PNG), 2.0)
    write_medium(tmp_path, "note", 3, EncodedMedium("text", "txt", b"hello"), 1.0)
    index, _ = followed(tmp_path / MEDIA_INDEX)
    assert index.tags == [("image", "eval/frame"), ("text", "note")]
    steps = index.steps("image", "eval/frame")
    assert [(item.step, item.path) for item in steps] == [
        (3, "media/eval/frame/3.1.png"),  # what was logged again counts
        (20, "media/eval/frame/20.png"),
    ]


def test_an_index_is_followed_line_by_line_and_half_a_line_waits(tmp_path):
    path = tmp_path / "index.jsonl"
    path.write_bytes(line(step=1) + line(step=2)[:20])
    index, new = followed(path)
    assert new
    assert len(index.steps("image", "a")) == 1
    assert followed(path, index)[1] is False
    path.write_bytes(line(step=1) + line(step=2))
    assert followed(path, index)[1]
    assert [item.step for item in index.steps("image", "a")] == [1, 2]
    assert index.bad_lines == 0


def test_of_more_tags_than_anybody_has_the_first_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(media, "MAX_TAGS", 2)
    path = tmp_path / "index.jsonl"
    path.write_bytes(b"".join(line(tag=tag, step=step) for step in (1, 2) for tag in "abc"))
    index, _ = followed(path)
    assert [tag for _, tag in index.tags] == ["a", "b"]
    assert [item.step for item in index.steps("image", "b")] == [1, 2]
    assert index.bad_lines == 2


def test_the_index_of_a_later_attempt_is_read_from_its_start(tmp_path):
    path = tmp_path / "index.jsonl"
    path.write_bytes(line(step=1) + line(step=2))
    index, _ = followed(path)
    (tmp_path / "new").write_bytes(line(step=9) + line(step=10) + line(step=11))
    (tmp_path / "new").replace(path)
    followed(path, index)
    assert [item.step for item in index.steps("image", "a")] == [9, 10, 11]


@pytest.mark.parametrize(
    "bad",
    [
        b"\xff\xfe\n",
        b"[]\n",
        b"[" * 100_000 + b"\n",
        line(step="1"),
        line(step=True),
        line(step=2**60),
        line(kind="script"),
        line(path=7),
        line(tag="\ud800"),
        line(wall_time=float("nan")),
        line(size="1"),
        line(size=10**400),
    ],
)
def test_a_line_that_makes_no_sense_is_counted_and_the_others_stay(tmp_path, bad):
    path = tmp_path / "index.jsonl"
    path.write_bytes(bad + line())
    index, _ = followed(path)
    assert index.bad_lines == 1
    assert len(index.steps("image", "a")) == 1


def stored(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path.open("rb")


def test_a_histogram_of_the_logger_is_drawn_with_its_own_bins(tmp_path):
    values = [0.0, 1.0, 1.0, 2.0, float("nan"), float("inf")]
    medium = encode_histogram("h", values, bins=2)
    with stored(tmp_path, medium.content) as file:
        histogram = media.read_histogram(file)
    assert histogram == media.Histogram((0.0, 1.0, 2.0), (1.0, 3.0), "not shown: 1 nan, 1 inf")
    (bars,) = histogram_figure(histogram)["data"]
    assert bars["customdata"] == [[0.0, 1.0], [1.0, 2.0]]


def test_a_histogram_of_one_value_and_one_of_none_can_be_shown(tmp_path):
    with stored(tmp_path, encode_histogram("h", [3.0]).content) as file:
        (bars,) = histogram_figure(media.read_histogram(file))["data"]
    assert bars["customdata"] == [[3.0, 3.0]]
    with stored(tmp_path, encode_histogram("h", [float("nan")]).content) as file:
        assert media.read_histogram(file).note == "not shown: 1 nan"


@pytest.mark.parametrize(
    "record",
    [
        {"edges": [1], "counts": [1]},
        {"edges": "abc", "counts": []},
        {"edges": [0, 1], "counts": ["<b>"]},
        {"edges": [0, 10**400], "counts": [1]},
        {"edges": [0, float("inf")], "counts": [1]},
        [1],
        b"{" * 100_000,
        b"\0",
    ],
)
def test_what_is_no_histogram_is_said_to_be_none(tmp_path, record):
    with stored(tmp_path, record) as file, pytest.raises(ValueError, match=r"should|one edge|JSON"):
        media.read_histogram(file)


def table_of(tmp_path, text):
    with stored(tmp_path, text.encode()) as file:
        return media.read_table(file)


def test_the_first_rows_of_a_table_are_shown_and_it_is_said(tmp_path):
    table = table_of(tmp_path, 'name,p\n"a,\nb",0.5\nc,\n')
    assert table == media.Table(("name", "p"), (("a,\nb", "0.5"), ("c", "")), "")
    table = table_of(tmp_path, "n\n" + "".join(f"{n}\n" for n in range(100)))
    assert table.rows[-1] == ("19",)
    assert table.note == "the first 20 rows"
    wide = ",".join(map(str, range(50)))
    table = table_of(tmp_path, f"{wide}\n{wide}\n")
    assert (len(table.columns), len(table.rows[0]), table.note) == (20, 20, "20 of 50 columns")


def test_long_cells_and_long_tables_are_cut(tmp_path):
    table = table_of(tmp_path, "a,b\n" + "x" * 500 + ",y\n" + f"z,{'w' * media.MAX_TABLE}\n")
    assert [len(cell) for cell in table.rows[0]] == [201, 1]
    assert (len(table.rows), table.note) == (1, "the first row")


@pytest.mark.parametrize("text", ["", "x" * 200_000])
def test_what_is_no_table_is_said_to_be_none(tmp_path, text):
    with pytest.raises(ValueError, match="it has no line of a table"):
        table_of(tmp_path, text)


def test_a_sound_and_a_video_are_known_by_their_headers(tmp_path):
    for content, is_one in (
        (b"RIFF\x24\0\0\0WAVEfmt ", True),
        (b"\0\0\0\x20ftypisom", True),
        (b"RIFF\x24\0\0\0AVI LIST", False),
        (b"<html><script>alert(1)", False),
        (b"", False),
    ):
        with stored(tmp_path, content) as file:
            assert media.is_sound_or_video(file) is is_one


def test_a_long_text_is_cut(tmp_path):
    with stored(tmp_path, b"x" * (media.MAX_TEXT + 5)) as file:
        text, cut = media.read_text(file)
    assert (len(text), cut) == (media.MAX_TEXT, True)


@pytest.mark.parametrize(
    "odd",
    [
        {"x" * 30_000: 1},
        {"marker": {"line": {"x" * 30_000: 1}}},
        {f"x{number}": 1 for number in range(5000)},
        {f"marker{number}": {} for number in range(5000)},
    ],
)
def test_for_what_plotly_does_not_know_no_nearest_name_is_looked_for(odd):
    # Plotly takes half a millisecond for each name, and minutes for a long one.
    started = time.process_time()
    figure = untrusted_figure({"data": [{"y": [1], **odd}], "layout": {"shapes": [odd], **odd}})
    assert figure["data"][0]["y"] == [1]
    assert len(json.dumps(figure)) < 20_000
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "record",
    [
        {"data": [{}] * 20_001},
        {"data": [], "layout": {"annotations": [{}] * 20_001}},
        {"data": [{"marker": {"color": ["red"] * 100_001}}]},
        {"data": [{"type": "heatmap", "colorscale": [[0, "red"]] * 100_001}]},
    ],
)
def test_a_figure_of_more_parts_than_anybody_sees_is_not_drawn(record):
    with pytest.raises(ValueError, match="more than 20,000 parts"):
        untrusted_figure(record)


FAR = {"start": 0, "end": 1e9, "size": 1}


@pytest.mark.parametrize(
    ("trace", "layout"),
    [
        ({}, {"grid": {"rows": 10**8, "columns": 1}}),
        ({"type": "histogram", "x": [0, 1e9], "xbins": FAR}, {}),
        ({"type": "histogram", "x": [0, 1e9], "xbins": {"size": 1}}, {}),
        ({"type": "histogram", "x": ["2026-01-01"], "xbins": FAR | {"end": "2026-01-01"}}, {}),
        ({"type": "histogram2d", "x": [1], "y": [1], "nbinsx": 30_000}, {}),
        ({"type": "contour", "z": [[0, 1], [1, 0]], "contours": FAR}, {}),
        ({"type": "violin", "y": [1, 2], "span": [0, 1e9], "spanmode": "manual"}, {}),
        ({"type": "surface", "z": [[0, 1], [1, 2]], "contours": {"z": {"show": True, **FAR}}}, {}),
        ({"y": [1], "line": {"dash": "0.001px"}}, {}),
        ({"type": "bar", "y": [1], "marker": {"pattern": {"size": 0.001}}}, {}),
        ({"x": ["0001-01-01"], "y": [1]}, {"xaxis": {"rangebreaks": [{"bounds": [1, 2]}]}}),
        ({"y": [1]}, {"yaxis": {"tickformat": "0100000000d"}}),
        ({"y": [1]}, {f"xaxis{n}": {"visible": True} for n in range(2, 300)}),
    ],
)
def test_a_figure_that_asks_for_more_than_a_browser_can_draw_is_not_drawn(trace, layout):
    with pytest.raises(ValueError, match="is not drawn"):
        untrusted_figure({"data": [trace], "layout": layout})


def test_a_picture_in_a_figure_that_could_draw_anything_is_left_out():
    sources = [f"data:image/{kind};base64,AAAA" for kind in ("png", "svg+xml", "jpeg")]
    images = [{"source": source, "x": 0, "y": 0, "sizex": 1, "sizey": 1} for source in sources]
    traces = [{"type": "image", "source": source} for source in sources]
    figure = untrusted_figure({"data": traces, "layout": {"images": images}})
    assert [trace["source"] for trace in figure["data"]] == sources[::2]
    assert [image["source"] for image in figure["layout"]["images"]] == sources[::2]


def test_a_picture_of_a_figures_template_is_left_out_too():
    elsewhere = {"source": "http://127.0.0.1:9/x.png", "x": 0}
    layout = {"imagedefaults": elsewhere, "images": [{**elsewhere, "templateitemname": "a"}]}
    template = {"layout": layout, "data": {"image": [{"source": "data:image/svg+xml,<svg/>"}]}}
    figure = untrusted_figure({"data": [], "layout": {"template": template, "images": [{}]}})
    assert "source" not in json.dumps(figure)


def test_a_figure_of_very_many_axes_is_not_drawn():
    data = [{"y": [1], "xaxis": f"x{number}"} for number in range(2, 300)]
    with pytest.raises(ValueError, match="more than 200 axes"):
        untrusted_figure({"data": data})


@pytest.mark.parametrize(
    "trace",
    [
        {"type": "histogram", "x": [1, 2.5], "xbins": {"size": 0.1}},
        {"type": "histogram", "x": ["2026-01-01", "2026-02-01"], "xbins": {"size": "M1"}},
        {"type": "histogram", "x": [1, 2], "nbinsx": 200},
        {"type": "contour", "z": [[0, 1], [1, 0]], "contours": {"start": 0, "end": 1, "size": 0.1}},
        {"type": "violin", "y": [0.1, 0.9], "span": [0, 1], "bandwidth": 0.1},
        {"y": [1, 2], "line": {"dash": "5px,2px"}},
        {"type": "bar", "y": [1], "marker": {"pattern": {"shape": "x", "size": 4}}},
    ],
)
def test_what_people_ask_for_of_a_figure_stays(trace):
    (drawn,) = untrusted_figure({"data": [trace]})["data"]
    assert trace.items() <= drawn.items()


def test_many_numbers_in_a_figure_are_no_parts():
    points = [*range(100_001)]
    figure = untrusted_figure({"data": [{"x": points, "y": points, "marker": {"color": points}}]})
    assert len(figure["data"][0]["x"]) == len(points)


def test_of_a_figures_template_one_name_counts_and_kinds_that_nobody_knows_are_left_out():
    # Of "plotly+plotly+…" Plotly makes one after the other, a tenth of a second each.
    data = [{"type": "nothing", "y": [1]}, {"type": "bar", "y": [2]}]
    figures = [
        untrusted_figure({"data": data, "layout": {"template": name}})
        for name in ("plotly+plotly_dark", "plotly_dark", None)
    ]
    several, dark, none = (figure["layout"]["template"] for figure in figures)
    assert several == none != dark
    assert [trace["type"] for trace in figures[0]["data"]] == ["bar"]


def test_a_text_of_an_untrusted_figure_is_no_link():
    link = '<b>x</b> <A href="https://evil.example">all of it</A> <<a>a href="y">'
    figure = untrusted_figure(
        {
            "data": [{"type": "scatter", "x": [1], "y": [2], "text": ["a < b", link]}],
            "layout": {"title": {"text": link}, "annotations": [{"text": link, "x": 0, "y": 0}]},
        }
    )
    told = json.dumps(figure)
    assert not re.search(r"<a[\s>]", told, re.IGNORECASE)
    assert "<b>x</b> &lt;A href=" in told
    assert "a &lt; b" in told


@pytest.mark.parametrize(
    "text",
    [
        "<",
        "x<",
        "<b",
        "</",
        "<%{text}",
        "<\ta>",
        "<<b>a href='y'>",
        "<extra",
        "<a%{text}",
        "<abbr>",
    ],
)
def test_no_text_of_an_untrusted_figure_begins_a_link_that_another_ends(text):
    axis = {"tickprefix": text, "ticktext": [text], "labelalias": {"x": text}}
    trace = {"type": "bar", "x": [text], "y": [1], "texttemplate": text, "meta": {"any": [text]}}
    figure = untrusted_figure({"data": [trace], "layout": {"xaxis": axis}})
    told = json.dumps(figure).replace("<b>", "")
    assert "<" not in told
    assert told.count("&lt;") >= 6


def test_harmless_formatting_stays_in_an_untrusted_figure():
    text = (
        "<b>1</b><br>2<BR >10<sup>3</sup> <span style='color:red'>4</span> <i>5</i><extra></extra>"
    )
    figure = untrusted_figure({"data": [{"y": [1], "hovertemplate": text}]})
    assert figure["data"][0]["hovertemplate"] == text


def test_what_plotly_knows_stays_in_an_untrusted_figure():
    axis = {"title": {"text": "x"}, "type": "log"}
    layout = {
        "xaxis2": axis,
        "annotations": [{"text": "here", "font": {"size": 9}}],
        "template": {"layout": {"font": {"size": 9}}, "data": {"bar": [{"opacity": 0.5}]}},
    }
    trace = {"type": "bar", "y": [1], "marker": {"line": {"width": 2}}, "meta": {"any": 1}}
    figure = untrusted_figure({"data": [trace], "layout": layout})
    assert figure["data"] == [trace]
    shown = figure["layout"]
    assert (shown["xaxis2"], shown["annotations"]) == (axis, layout["annotations"])
    assert shown["template"]["layout"] == layout["template"]["layout"]
    assert shown["template"]["data"]["bar"][0]["opacity"] == 0.5


def test_what_is_no_trace_takes_no_other_with_it():
    figure = untrusted_figure({"data": [7, {"y": [1]}, "x", None]})
    assert [list(trace["y"]) for trace in figure["data"]] == [[1]]


def test_of_an_untrusted_figure_only_data_and_layout_stay():
    figure = untrusted_figure(
        {
            "data": [
                {"type": "scatter", "y": [1, 2], "nonsense": "<script>"},
                {"type": "image", "source": "http://elsewhere/x.png"},
            ],
            "layout": {
                "title": {"text": "t"},
                "width": 9,
                "images": [{"source": "http://elsewhere/pixel.png"}],
                "evil": 1,
            },
            "config": {"plotlyServerURL": "http://elsewhere"},
            "frames": [{}],
        }
    )
    assert set(figure) == {"data", "layout"}
    assert [trace["type"] for trace in figure["data"]] == ["scatter"]
    assert "elsewhere" not in json.dumps(figure)
    assert "nonsense" not in json.dumps(figure)
    assert "width" not in figure["layout"]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"data": {}}, "list 'data'"),
        ({"data": [{"type": "scattergeo"}]}, "map from another server"),
        ({"data": [{"type": "choroplethmapbox"}]}, "map from another server"),
        ({"data": [{"type": "contour", "contours": {"operation": "<="}}]}, "are not drawn, but"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(record, why):
    with pytest.raises(ValueError, match=why):
        untrusted_figure(record)
