"""Verbs that people know from elsewhere: what is taken, and what the others are called here."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from exptools.logging.compat.logger import CompatLogger
from exptools.logging.compat.logger import logger as other_door
from exptools.logging.run_logger import Logger
from exptools.logging.verbs import _OF_KINDS, _OF_PEERS
from tests.logging.test_run_logger import rows


def test_nested_mappings_of_numbers_are_taken_apart(logger, tmp_path):
    logger.open(tmp_path, console=None)
    logger.log_scalars({"train": {"loss": 1, "acc": {"top1": 2}}, "lr": 3})
    with logger.prefix("x/"):
        logger.log_scalars(OmegaConf.create({"train": {"loss": 4, "twice": "${.loss}"}}))
    logger.dump()
    tags = ("train/loss", "train/acc/top1", "lr", "x/train/loss", "x/train/twice")
    assert rows(tmp_path, *tags) == [(0, 1, 2, 3, 4, 4)]


def test_of_a_nested_mapping_all_or_nothing_is_logged(logger, tmp_path):
    logger.open(tmp_path, console=None)
    itself: dict[str, object] = {}
    itself["a"] = itself
    for wrong, sentence in [
        ({"a": 1, "b": {"c": "text"}}, "'b/c' should be one number.*log_text"),
        ({"b": {1: 2}}, "a tag is text, not 1"),
        ({"b": {"": 2}}, "at least one character"),
        ({"a/b": 1, "a": {"b": 2}}, "'a/b' is there twice"),
        (itself, "nested too deeply"),
    ]:
        with pytest.raises((TypeError, ValueError), match=sentence):
            logger.log_scalars(wrong)
    logger.log_scalar("only", 1)
    logger.close()
    assert (tmp_path / "progress.csv").read_text().splitlines()[0] == "step,wall_time,only"


def test_log_makes_a_row_a_call_as_wandb_does(logger, tmp_path):
    logger.open(tmp_path, console=None)
    logger.log({"loss": 1})
    logger.log({"loss": 2, "eval": {"acc": 3}})
    logger.log({"loss": 4}, step=10)
    logger.log({"eval": {"acc": 5}}, step=10)
    logger.log({"loss": 6}, step=11, commit=True)
    logger.log({"loss": 7}, commit=False)
    logger.log({"eval": {"acc": 8}})
    assert rows(tmp_path, "loss", "eval/acc") == [
        *((0, 1, None), (1, 2, 3), (10, 4, 5), (11, 6, None), (12, 7, 8)),
    ]


class Image:
    """Named as W&B's is."""


@pytest.mark.parametrize(
    ("value", "verb"),
    [
        ("text", "log_text"),
        (np.zeros((4, 4, 3)), "log_histogram.* or log_image"),
        ([1.0, 2.0], "log_scalar_batch"),
        (Image(), "log_image"),
        (Path("a.txt"), "log_file"),
    ],
)
def test_log_refuses_what_is_no_number_and_names_the_verb(logger, tmp_path, value, verb):
    logger.open(tmp_path, console=None)
    with pytest.raises((TypeError, ValueError), match=verb):
        logger.log({"a": 1, "b": value})
    with pytest.raises(TypeError, match=r"log takes numbers by their tags.*info"):
        logger.log("a line")


@pytest.mark.parametrize("door", [Logger(), other_door], ids=["the one door", "the other"])
def test_an_unknown_verb_is_told_with_the_one_that_was_meant(door):
    for name, sentence in [
        ("log_scaler", "did you mean 'log_scalar'"),
        ("add_scalar", r"here it is log_scalar\(tag, value, step\)"),
        ("log_metrics", "here it is log_scalars"),
        ("finish", r"here it is close\(\)"),
        ("define_metric", "any column can be the x axis"),
        ("xyzzy", "no verb 'xyzzy'$"),
    ]:
        with pytest.raises(AttributeError, match=sentence):
            getattr(door, name)
    assert not hasattr(door, "__array__")


def test_what_the_errors_name_is_there():
    verbs = {text.partition("(")[0] for text in (*_OF_PEERS.values(), *_OF_KINDS.values())}
    assert [verb for verb in sorted(verbs) if not hasattr(Logger, verb)] == []
    assert [name for name in _OF_PEERS if hasattr(CompatLogger, name)] == []
