"""What is given as ``hydra.launcher.*``: read in its option's type, or refused in one sentence."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hydra import compose, initialize
from omegaconf import OmegaConf

from hydra_plugins.exptools_launcher._options import LaunchError, validate_options

pytestmark = pytest.mark.hydra


def composed(*overrides: str) -> dict[str, Any]:
    """The options as Hydra gives them to the launcher, which makes sense of them."""
    with initialize(version_base="1.3", config_path=None):
        config = compose(
            overrides=["hydra/launcher=exptools", *overrides], return_hydra_config=True
        )
    options = OmegaConf.to_container(config.hydra.launcher)
    assert isinstance(options, dict)
    del options["_target_"]
    return {str(name): value for name, value in options.items()}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("n_jobs=2", "n_jobs is no option of the exptools launcher; did you mean 'jobs'?"),
        ("jobs=0", "jobs is 0; it should be 1 or more"),
        ("jobs=two", "jobs is 'two'; it should be a whole number, 1 or more"),
        ("jobs=2.5", "jobs is 2.5; it should be a whole number, 1 or more"),
        ("jobs={a:1}", "jobs is {'a': 1}; it should be a whole number, 1 or more"),
        ("pin=maybe", "pin is 'maybe'; it should be true or false"),
        ("gpus_per_job=half", "gpus_per_job is half; it should be 0, a part of one GPU such as"),
        ("timeout=soon", "timeout is 'soon'; it should be a number of seconds above 0"),
        ("timeout=0", "timeout is 0.0; it should be a number of seconds above 0"),
        ("timeout=-1", "timeout is -1.0; it should be a number of seconds above 0"),
        ("timeout=nan", "timeout is nan; it should be a number of seconds above 0"),
        ("timeout=inf", "timeout is inf; it should be a number of seconds above 0"),
        ("grace=null", "grace is None; it should be so many seconds, 0 or more"),
        ("max_retries=1.5", "max_retries is 1.5; it should be a whole number, 0 or more"),
        ("fail_fast=maybe", "fail_fast is 'maybe'; it should be true or false"),
        ("start=hot", "start is 'hot'; it should be warm or fresh"),
        ("resume=[a]", "resume is ['a']; it should be true, false or a sweep's directory"),
        ("resume_changed=soon", "resume_changed is 'soon'; it should be true or false"),
    ],
)
def test_what_makes_no_sense_is_refused_in_our_words(given: str, told: str) -> None:
    options = composed(f"hydra.launcher.{given}")
    with pytest.raises(LaunchError, match=re.escape(f"hydra.launcher.{told}")):
        validate_options(options)


def test_text_is_read_in_the_options_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANY", "4")
    given = ["jobs=${oc.env:MANY}", "pin=no", "gpus_per_job='0.5'", "timeout='90'", "affinity=null"]
    options = validate_options(
        {
            name: OmegaConf.create({"value": value}).value
            for name, value in composed(*(f"hydra.launcher.{text}" for text in given)).items()
        }
    )
    assert options.request.jobs == 4
    assert options.request.pin is False
    assert options.request.gpus_per_job == 0.5
    assert options.policy.timeout == 90
