import math
import os
from pathlib import Path

import pytest

from exptools.launching.display.headline import Headline, HeadlineReader
from exptools.logging.rows.row import Row
from exptools.logging.writers.csv import CsvWriter


def write(run: Path, text: str) -> Path:
    file = run / "progress.csv"
    file.write_text(text, encoding="utf-8", newline="")
    return file


def test_step_and_metric_are_those_of_the_last_whole_row(tmp_path: Path) -> None:
    write(tmp_path, "step,wall_time,loss\n1,1.5,0.5\n2,2.5,0.25\n30,3.5,0.1")
    assert HeadlineReader(tmp_path).read() == Headline(2, "loss", 0.25)


def test_a_metric_that_is_logged_seldom_keeps_its_newest_value(tmp_path: Path) -> None:
    write(tmp_path, "step,wall_time,loss,test/acc\n1,1.5,0.5,0.9\n2,2.5,0.25,\n3,3.5,NaN,\n")
    assert HeadlineReader(tmp_path).read() == Headline(3, "test/acc", 0.9)


def test_a_value_that_has_left_the_tail_of_the_file_is_remembered(tmp_path: Path) -> None:
    file = write(tmp_path, "step,wall_time,loss,test/acc\n1,1.5,0.5,0.9\n")
    reader = HeadlineReader(tmp_path)
    reader.read()
    with file.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{step},1.5,0.123456789,\n" for step in range(2, 9000))
    assert reader.read() == Headline(8999, "test/acc", 0.9)


def test_only_the_end_of_a_long_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"{step},1.5,0.5\n" for step in range(300_000))
    write(tmp_path, "step,wall_time,loss\n" + rows)
    read, pread = [], os.pread

    def counting(fd: int, size: int, offset: int) -> bytes:
        content = pread(fd, size, offset)
        read.append(len(content))
        return content

    monkeypatch.setattr(os, "pread", counting)
    assert HeadlineReader(tmp_path).read() == Headline(299_999, "loss", 0.5)
    assert sum(read) <= 200_000


def test_a_row_whose_beginning_was_not_read_is_left_out(tmp_path: Path) -> None:
    rest = ",7\n" * 21841 + ",77\n"  # with the end of the row before, "6789,0", it is 64 KiB
    write(tmp_path, "loss,step\n0.123456789,0\n" + rest)
    assert HeadlineReader(tmp_path).read() == Headline(77, "loss", None)


def test_a_column_that_comes_later_is_seen(tmp_path: Path) -> None:
    writer, reader = CsvWriter(tmp_path / "progress.csv"), HeadlineReader(tmp_path)
    writer.write(Row(1, 1.0, {"loss": 0.5}))
    assert reader.read() == Headline(1, "loss", 0.5)
    # Twice before the next look: the file then has the inode of the one that was seen first.
    writer.write(Row(2, 2.0, {"loss": 0.4, "lr": 0.1}))
    writer.write(Row(3, 3.0, {"loss": 0.3, "test/acc": 0.9}))
    assert reader.read() == Headline(3, "test/acc", 0.9)
    writer.close()


def test_a_tag_may_have_commas_quotes_and_newlines(tmp_path: Path) -> None:
    tag = 'acc, "top"\nfive'
    writer = CsvWriter(tmp_path / "progress.csv")
    writer.write(Row(7, 1.0, {"x": 1.0, tag: 0.5}))
    writer.close()
    assert HeadlineReader(tmp_path).read() == Headline(7, tag, 0.5)


def test_a_header_that_is_not_whole_yet_is_read_again(tmp_path: Path) -> None:
    file, reader = write(tmp_path, "step,wall_ti"), HeadlineReader(tmp_path)
    assert reader.read() == Headline()
    with file.open("a", encoding="utf-8") as stream:
        stream.write("me,loss\n1,1.5,0.5\n")
    assert reader.read() == Headline(1, "loss", 0.5)


def test_a_new_attempt_does_not_show_the_values_of_the_old_one(tmp_path: Path) -> None:
    file, reader = write(tmp_path, "step,wall_time,test/acc\n9,1.5,0.9\n"), HeadlineReader(tmp_path)
    assert reader.read() == Headline(9, "test/acc", 0.9)
    file.rename(tmp_path / "progress.1.csv")
    write(tmp_path, "step,wall_time,test/acc\n1,1.5,\n")
    assert reader.read() == Headline(1, "test/acc", None)


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "step\n", '"', '"step,wall_time\n1,2\n', "step,loss\n1,2,3\n", "step,a\0b\n1\n"],
)
def test_without_a_file_that_makes_sense_there_is_no_headline(tmp_path: Path, text: str) -> None:
    reader = HeadlineReader(tmp_path)
    assert reader.read() == Headline()
    write(tmp_path, text)
    assert reader.read().value is None


def test_nan_is_a_value(tmp_path: Path) -> None:
    write(tmp_path, "step,wall_time,loss\n1,1.5,0.5\n2,2.5,NaN\n")
    value = HeadlineReader(tmp_path).read().value
    assert value is not None
    assert math.isnan(value)


@pytest.mark.timeout(30)
def test_a_quote_before_a_megabyte_of_line_feeds_takes_no_minutes(tmp_path: Path) -> None:
    write(tmp_path, '"' + "\n" * (2**20 - 2))
    assert HeadlineReader(tmp_path).read() == Headline()
