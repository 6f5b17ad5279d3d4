"""What is said of a run as a whole: its config and its summary, over attempts and processes."""

import argparse
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from exptools.logging.compat.logger import CompatLogger
from exptools.logging.errors import LoggingError
from exptools.logging.run_logger import Logger

SUMMARY, CONFIG = "summary.json", ".exptools/config.json"


def said(directory, name=SUMMARY):
    content = json.loads((directory / name).read_text(encoding="utf-8"))
    del content["_exptools"]
    return content


class Color(Enum):
    RED = 1


@dataclass
class Optimizer:
    lr: float = 0.1
    betas: tuple[float, ...] = (0.9, 0.99)
    color: Color = Color.RED


@dataclass
class Settings:
    optim: Optimizer = field(default_factory=Optimizer)
    path: Path = Path("/data/a b")


OPTIM = {"lr": 0.1, "betas": [0.9, 0.99], "color": "RED"}


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        (Settings(), {"optim": OPTIM, "path": "/data/a b"}),
        (argparse.Namespace(lr=1, sub=argparse.Namespace(a=None)), {"lr": 1, "sub": {"a": None}}),
        (OmegaConf.create({"b": "${c}", "c": [1, "???"]}), {"b": "${c}", "c": [1, "???"]}),
        ({"optim": OmegaConf.structured(Optimizer)}, {"optim": OPTIM}),
        ({"n": np.float32(0.5), "a": np.arange(2)}, {"n": 0.5, "a": [0, 1]}),
        ({1: "x", "s": {2, 1}, "t": ((1,), "é")}, {"1": "x", "s": [1, 2], "t": [[1], "é"]}),
        ({"f": os.path.join, "c": Settings, "o": np.random.default_rng}, None),
    ],
    ids=["dataclass", "namespace", "omegaconf", "structured", "numpy", "plain", "code"],
)  # fmt: skip
def test_settings_of_any_kind_are_kept_as_json_has_them(logger, tmp_path, given, settings):
    logger.open(tmp_path, console=None)
    logger.config(given)
    found = said(tmp_path, CONFIG)
    if settings is None:  # the same text in every process
        settings = {"f": "posixpath.join", "c": f"{__name__}.Settings", "o": found["o"]}
        assert "0x" not in found["o"]
    assert found == settings


def test_an_object_of_no_kind_has_the_same_text_in_every_process(logger, tmp_path):
    class Odd:
        pass

    class Broken:
        def __str__(self):
            raise RuntimeError

    logger.open(tmp_path, console=None)
    logger.config({"odd": Odd(), "broken": Broken(), "rng": np.random.default_rng(0)})
    found = said(tmp_path, CONFIG)
    assert found["odd"].endswith("Odd object>")
    assert (found["broken"], " at " in found["rng"]) == ("Broken", False)


def test_a_long_value_is_cut_and_still_told_from_another(logger, tmp_path):
    logger.open(tmp_path, console=None)
    logger.config({"a": "x" * 20_000, "b": "x" * 20_000 + "y", "n": list(range(10_000))})
    found = said(tmp_path, CONFIG)
    assert found["a"] != found["b"]
    assert all(len(text) < 300 for text in found.values())


def test_what_is_no_config_is_refused_in_a_sentence(logger, tmp_path):
    logger.open(tmp_path, console=None)
    for wrong in ([1], "lr=1", None, Settings):
        with pytest.raises(TypeError, match="a run's config is a mapping"):
            logger.config(wrong)
    itself: dict[str, object] = {}
    itself["a"] = itself["b"] = itself
    with pytest.raises(ValueError, match="holds itself"):
        logger.config(itself)
    deep: dict[str, object] = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="50 deep"):
        logger.config(deep)
    assert not (tmp_path / CONFIG).exists()


def test_settings_add_up_also_those_within_others_and_those_of_the_hparams_table(logger, tmp_path):
    logger.open(tmp_path, console=None)
    logger.config({"optim": {"lr": 1, "name": "adam"}})
    logger.log_hparams({"optim": {"lr": 2}, "_exptools": "no mark of ours"})
    logger.log_hparams(argparse.Namespace(seed=3))
    assert said(tmp_path, CONFIG) == {"optim": {"lr": 2, "name": "adam"}, "seed": 3}


def test_a_summary_has_numbers_booleans_and_texts_under_their_names(logger, tmp_path):
    logger.open(tmp_path, console=None)
    logger.summary("best", np.float64(0.5))
    logger.summary({"eval": {"n": np.int32(3)}, "done": np.True_, "note": "é", "best": 0.75})
    with logger.prefix("test/"):
        logger.summary("best", 1)
    assert said(tmp_path) == {
        "best": 0.75, "eval/n": 3, "done": True, "note": "é", "test/best": 1,
    }  # fmt: skip


def test_what_is_no_summary_is_refused_in_a_sentence(logger, tmp_path):
    logger.open(tmp_path, console=None)
    for arguments, sentence in [
        (("a",), "summary takes a name and its value"),
        (({"a": 1}, 2), "summary takes a name and its value"),
        (("a", None), "'a' should be one number"),
        (("a", np.zeros(3)), "log_scalar_batch"),
        (("a", "x" * 20_000), "log_text"),
        (("", 1), "at least one character"),
        (("_exptools", 1), "is taken"),
        (({"a": 1, "b": object()},), "'b' should be one number"),
    ]:
        with pytest.raises((TypeError, ValueError), match=sentence):
            logger.summary(*arguments)
    assert not (tmp_path / SUMMARY).exists()


def test_both_doors_have_both_verbs(tmp_path, logger):
    other = CompatLogger(logger)
    other.open(tmp_path, console=None)
    other.config({"lr": 1})
    other.summary("best", 2)
    assert (said(tmp_path, CONFIG), said(tmp_path)) == ({"lr": 1}, {"best": 2})


@pytest.fixture
def ended(tmp_path):
    """A run that has ended, with a snapshot, a config and a summary."""
    logger = Logger()
    logger.open(tmp_path, console=None)
    logger.config({"lr": 1, "old": {"a": 1}})
    logger.summary({"best": 1, "old": 1})
    logger.log_scalar("a", 1, 0)
    logger.dump()
    logger.save_snapshot({}, 0)
    logger.close()
    return tmp_path


@pytest.mark.parametrize("early", [True, False], ids=["before the first row", "after it"])
def test_a_program_that_starts_afresh_does_not_keep_what_was_said_before(logger, ended, early):
    logger.open(ended, console=None)
    if not early:
        logger.log_scalar("a", 2, 0)
        logger.dump()
    logger.config({"lr": 2})
    assert said(ended, CONFIG) == {"lr": 2}
    assert not (ended / SUMMARY).exists() or said(ended) == {}
    logger.log_scalar("a", 2, 1)
    logger.close()
    assert said(ended, CONFIG) == {"lr": 2}
    assert said(ended, ".exptools/config.1.json") == {"lr": 1, "old": {"a": 1}}
    assert said(ended, "summary.1.json") == {"best": 1, "old": 1}


def test_a_program_that_starts_afresh_and_says_nothing_keeps_nothing_either(logger, ended):
    logger.open(ended, console=None)
    assert said(ended) == {"best": 1, "old": 1}  # as the rows are: it may go on yet
    logger.log_scalar("a", 2, 0)
    logger.close()
    assert not (ended / SUMMARY).exists()
    assert not (ended / CONFIG).exists()


@pytest.mark.parametrize("early", [True, False], ids=["before the snapshot is loaded", "after it"])
def test_a_program_that_goes_on_keeps_what_was_said_before(logger, ended, early):
    logger.open(ended, console=None)
    if early:
        logger.config({"lr": 2, "old": {"b": 2}})
        logger.summary("best", 2)
    assert logger.load_snapshot() is not None
    if not early:
        logger.config({"lr": 2, "old": {"b": 2}})
        logger.summary("best", 2)
    logger.log_scalar("a", 2, 1)
    logger.close()
    assert said(ended, CONFIG) == {"lr": 2, "old": {"a": 1, "b": 2}}
    assert said(ended) == {"best": 2, "old": 1}
    assert not list(ended.glob("**/*.1.json"))


def test_what_was_said_survives_a_program_that_died_before_it_had_gone_on(logger, ended):
    code = "import os, sys; from exptools import logger; logger.open(sys.argv[1], console=None)\n"
    code += "logger.config({'lr': 5}); os.kill(os.getpid(), 9)"
    died = subprocess.run([sys.executable, "-c", code, str(ended)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert said(ended, CONFIG) == {"lr": 5}
    logger.open(ended, console=None)
    logger.load_snapshot()
    assert said(ended, CONFIG) == {"lr": 5, "old": {"a": 1}}
    assert said(ended) == {"best": 1, "old": 1}


def test_processes_of_a_run_lose_nothing_of_each_others(tmp_path, logger):
    logger.open(tmp_path, console=None)
    children = []
    for worker in range(3):
        if (pid := os.fork()) == 0:
            for n in range(20):
                logger.summary(f"{worker}/{n}", n)
            os._exit(0)
        children.append(pid)
    for n in range(20):
        logger.summary(f"main/{n}", n)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert len(said(tmp_path)) == 80


def test_what_cannot_be_written_obeys_on_error(logger, tmp_path):
    logger.open(tmp_path / "a", console=None)
    many = {f"name of a value {n}": n for n in range(40_000)}
    with pytest.raises(LoggingError, match=r"summary\.json: it would have \d+ bytes"):
        logger.summary(many)
    logger.open(tmp_path / "b", console=None, on_error="warn")
    with pytest.warns(UserWarning, match="it would have"):
        logger.summary(many)
    logger.summary("a", 1)
    assert said(tmp_path / "b") == {"a": 1}


def test_another_programs_summary_is_not_written_over(logger, tmp_path):
    (tmp_path / SUMMARY).write_text('{"accuracy": 1}')
    logger.open(tmp_path, console=None)
    logger.summary("best", 2)
    assert (tmp_path / SUMMARY).read_text() == '{"accuracy": 1}'
    assert said(tmp_path, ".exptools/summary.json") == {"best": 2}
