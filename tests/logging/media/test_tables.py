"""Tables, from whatever users have rows in, are CSV that anybody reads."""

import io

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from exptools.logging.media.tables import encode_table

ROWS = [{"name": "a", "loss": 0.1}, {"name": "b,c", "loss": torch.tensor(2.5)}]


def lines(table, **options):
    medium = encode_table("t", table, **options)
    assert (medium.kind, medium.extension, medium.summaries) == ("table", "csv", ())
    return medium.content.decode().splitlines()


@pytest.mark.parametrize(
    "table",
    [
        ROWS,
        iter(ROWS),
        {"name": ["a", "b,c"], "loss": (0.1, 2.5)},
        {"name": iter(["a", "b,c"]), "loss": np.array([0.1, 2.5])},
        pd.DataFrame({"name": ["a", "b,c"], "loss": [0.1, 2.5]}),
        pd.DataFrame({"name": ["a", "b,c"], "loss": [0.1, 2.5]}).set_index("name"),
        pl.DataFrame({"name": ["a", "b,c"], "loss": [0.1, 2.5]}),
    ],
    ids=lambda table: f"{type(table).__module__}.{type(table).__name__}",
)
def test_a_table_may_come_as_rows_columns_or_a_frame(table):
    assert lines(table) == ["name,loss", "a,0.1", '"b,c",2.5']


def test_plain_rows_have_the_columns_that_are_named_or_numbers():
    assert lines([[1, None], ("x", True)], columns=["a", "b"]) == ["a,b", "1,", "x,True"]
    assert lines(np.eye(2)) == ["0,1", "1.0,0.0", "0.0,1.0"]
    assert lines(np.array([["x", "y"]])) == lines(np.array([["x", "y"]], object)) == ["0,1", "x,y"]
    assert lines(torch.ones(1, 2, dtype=torch.bfloat16, requires_grad=True)) == ["0,1", "1.0,1.0"]


def test_columns_choose_and_order_those_of_rows_that_have_names():
    assert lines(ROWS, columns=["loss"]) == ["loss", "0.1", "2.5"]
    assert lines([{"a": 1}, {"b": 2}]) == ["a,b", "1,", ",2"]
    assert lines([], columns=["a", "b"]) == ["a,b"]


def test_what_a_cell_holds_is_read_back_exactly():
    texts = ["", 'q"uo"te', "new\nline\r", "größe 🙂", "a,b", "\ud800"]
    numbers = [0.1, 1e-300, 2**70, np.float32(0.5), torch.tensor(3), True]
    content = encode_table("t", {"text": texts, "number": numbers}).content
    read = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    assert read["text"].tolist() == [*texts[:-1], "?"]
    assert read["number"].tolist() == ["0.1", "1e-300", str(2**70), "0.5", "3", "True"]


@pytest.mark.parametrize(
    ("table", "columns", "error", "words"),
    [
        ("text", None, TypeError, "the table 't' should be a data frame, .* not str"),
        (5, None, TypeError, "a list of dicts, a dict of columns, or a list of rows, not int"),
        ([1, 2], None, TypeError, "it has a row that is 1"),
        ([{"a": 1}, [1]], None, TypeError, "it has a row that is {'a': 1}"),
        ({"a": 1}, None, TypeError, "has a column 'a' that is no list of values, but int"),
        ({"a": [1], "b": [1, 2]}, None, ValueError, "has columns of 1 and of 2 values"),
        ([[1], [1, 2]], None, ValueError, "has rows of 1 and of 2 cells"),
        ([[1, 2]], ["a"], ValueError, "has rows of 1 and of 2 cells"),
        (ROWS, ["los"], ValueError, "has no column 'los'; did you mean 'loss'"),
        ([], None, ValueError, "the table 't' is empty: give it rows, or name its columns"),
        ({}, None, ValueError, "the table 't' is empty"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(table, columns, error, words):
    with pytest.raises(error, match=words):
        encode_table("t", table, columns)
