"""The verbs for scalars beyond a single number."""

import asyncio
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch


def table(directory):
    return pd.read_csv(directory / "progress.csv")


def run_in_thread(coroutine):
    """As asyncio.run, also where this thread has an event loop already, as a browser's tests do."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(asyncio.run, coroutine).result(timeout=30)


def only_row(directory):
    (row,) = table(directory).drop(columns=["wall_time"]).to_dict("records")
    return row


def test_a_batch_is_its_statistics(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar_batch("return", np.array([[1.0, 2.0], [3.0, 6.0]]), 7)
    logger.dump()
    assert only_row(tmp_path) == {
        "step": 7,
        "return/mean": 3,
        "return/std": pytest.approx(np.std([1, 2, 3, 6])),
        "return/min": 1,
        "return/max": 6,
        "return/count": 4,
    }


@pytest.mark.parametrize(
    "batch",
    [
        [1, 3, math.nan],
        (True, 3, 3, 1),
        torch.tensor([1.0, 3.0], requires_grad=True),
        torch.tensor([1.0, 3.0], dtype=torch.bfloat16),
        np.ma.array([1, 3, 50], mask=[0, 0, 1]),
        np.array([1, 3], np.uint8),
        np.array([1, 3, math.nan], np.float16),
    ],
)
def test_a_batch_may_be_anything_with_numbers_and_nans_do_not_count(logger, tmp_path, batch):
    logger.open(tmp_path)
    logger.log_scalar_batch("x", batch)
    logger.dump()
    row = only_row(tmp_path)
    assert (row["x/mean"], row["x/std"], row["x/min"], row["x/max"]) == (2, 1, 1, 3)


@pytest.mark.parametrize("batch", [[], [math.nan, math.nan], np.zeros((0, 3))])
def test_a_batch_of_nothing_has_no_mean_and_no_warning(logger, tmp_path, batch, recwarn):
    logger.open(tmp_path)
    logger.log_scalar_batch("x", batch)
    logger.dump()
    row = only_row(tmp_path)
    assert row.pop("x/count") == 0
    assert all(math.isnan(row[f"x/{name}"]) for name in ("mean", "std", "min", "max"))
    assert not recwarn.list


@pytest.mark.parametrize("batch", ["text", ["a"], [1, [2, 3]], [1j], None])
def test_a_batch_without_numbers_is_refused_by_its_tag(logger, tmp_path, batch):
    logger.open(tmp_path)
    with pytest.raises(
        (TypeError, ValueError), match=r"the batch 'x' (should be|cannot be made) an array"
    ):
        logger.log_scalar_batch("x", batch)


@pytest.mark.parametrize("values", [[1, math.nan, 3], [math.nan], [math.inf, 1], [1e308, 1e308]])
def test_means_of_numbers_one_by_one_and_at_once_are_the_same_and_count_no_nan(
    logger, tmp_path, values
):
    logger.open(tmp_path)
    for value in values:
        logger.log_scalar_mean("one by one", value)
    logger.log_scalar_batch("at once", values)
    logger.close()
    (row,) = pd.read_csv(tmp_path / "progress.csv").to_dict("records")
    assert str(row["one by one"]) == str(row["at once/mean"])
    assert row["at once/count"] == sum(value == value for value in values)  # noqa: PLR0124 (NaN)


def test_means_accumulate_until_the_row_ends(logger, tmp_path):
    logger.open(tmp_path)
    for value in (1, 2, 6):
        logger.log_scalar_mean("loss", value)
    logger.dump()
    logger.log_scalar_mean("loss", 10)
    logger.dump()
    assert table(tmp_path)["loss"].tolist() == [3, 10]


def test_a_later_step_ends_a_mean_and_an_earlier_one_has_its_own(logger, tmp_path):
    logger.open(tmp_path)
    for step, value in [(1, 2), (1, 4), (0, 8), (0, 10), (2, 5)]:
        logger.log_scalar_mean("loss", value, step)
    logger.dump()
    assert table(tmp_path)["loss"].tolist() == [9, 3, 5]


def test_prefixes_nest_and_end_with_their_block(logger, tmp_path):
    logger.open(tmp_path)
    with logger.prefix("eval/"):
        logger.log_scalar("a", 1)
        with logger.prefix("easy/"):
            logger.log_scalars({"a": 2})
            logger.log_scalar_mean("m", 3)
            logger.log_scalar_batch("b", [4])
    with pytest.raises(ZeroDivisionError), logger.prefix("broken/"):
        raise ZeroDivisionError
    logger.log_scalar("a", 5)
    logger.dump()
    columns = table(tmp_path).columns.tolist()[2:]
    assert [c for c in columns if "/b/" not in c] == ["eval/a", "eval/easy/a", "eval/easy/m", "a"]
    assert "eval/easy/b/mean" in columns


def test_a_prefix_decorates_functions_and_coroutines(logger, tmp_path):
    @logger.prefix("eval/")
    def evaluate(depth):
        """Evaluate."""
        logger.log_scalar(f"f{depth}", depth)
        return evaluate(depth - 1) if depth else "done"

    @logger.prefix("slow/")
    async def wait(turn):
        await asyncio.sleep(0)
        with logger.prefix(f"{turn}/"):
            await asyncio.sleep(0)
            logger.log_scalar("x", turn)

    async def both():  # one prefix, in tasks that overlap
        await asyncio.gather(wait(1), wait(2))

    logger.open(tmp_path)
    assert evaluate(1) == "done"
    assert evaluate.__doc__ == "Evaluate."
    run_in_thread(both())
    logger.log_scalar("after", 0)
    logger.dump()
    row = only_row(tmp_path)
    del row["step"]
    assert row == {"eval/f1": 1, "eval/eval/f0": 0, "slow/1/x": 1, "slow/2/x": 2, "after": 0}


def test_a_prefix_of_one_thread_is_none_of_the_others(logger, tmp_path):
    logger.open(tmp_path)
    inside, logged = threading.Event(), threading.Event()

    def other():
        inside.wait(60)
        logger.log_scalar("a", 1)
        logged.set()

    thread = threading.Thread(target=other)
    thread.start()
    with logger.prefix("mine/"):
        inside.set()
        assert logged.wait(60)
        logger.log_scalar("a", 2)
    thread.join()
    logger.dump()
    assert only_row(tmp_path) == {"step": 0, "a": 1, "mine/a": 2}


def test_a_generator_that_another_task_closes_takes_its_prefix_along(logger, tmp_path, caplog):
    logger.open(tmp_path, console=None)

    async def generate():
        with logger.prefix("inside/"):
            yield

    async def leave_it_open():
        async for _ in generate():
            break

    run_in_thread(leave_it_open())  # at its end another task closes the generator
    assert not caplog.messages
    logger.log_scalar("a", 1)
    logger.dump()
    assert list(pd.read_csv(tmp_path / "progress.csv"))[2:] == ["a"]


def test_a_prefix_is_text(logger):
    with pytest.raises(TypeError, match='a prefix is text, such as "eval/", not 3'):
        logger.prefix(3)


def test_a_taken_name_may_have_a_prefix(logger, tmp_path):
    logger.open(tmp_path)
    with logger.prefix("env/"):
        logger.log_scalar("step", 3)
    logger.dump()
    assert only_row(tmp_path) == {"step": 0, "env/step": 3}


def test_a_throttled_tag_keeps_every_so_many_th_value(logger, tmp_path):
    class Watched:
        asked = 0

        def item(self):
            Watched.asked += 1
            return 1.5

    logger.open(tmp_path)
    logger.throttle("hot", every=100)
    for step in range(1000):
        logger.log_scalar("hot", Watched(), step)
    logger.log_scalars({"hot": Watched(), "cold": 1}, 2000)
    logger.log_scalars({"hot": Watched(), "cold": 1}, 2001)
    logger.dump()
    steps = table(tmp_path)["step"][table(tmp_path)["hot"].notna()].tolist()
    assert steps == [*range(0, 1000, 100), 2000]
    assert Watched.asked == 11, "a value that is not kept should not be fetched from the GPU"
    assert table(tmp_path)["cold"].count() == 2


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_a_throttle_needs_a_whole_number(logger, every, error):
    with pytest.raises(error, match="every should be an integer from 1 on"):
        logger.throttle("a", every)
