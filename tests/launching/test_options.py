"""What is given as ``hydra.launcher.*``: read in its option's type, or refused in one sentence."""

from __future__ import annotations

import re

import pytest

from hydra_plugins.exptools_launcher._options import LaunchError, validate_options


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("n_jobs", 2, "is no option of the exptools launcher; did you mean 'jobs'?"),
        ("jobs", 0, "is 0; it should be 1 or more"),
        ("jobs", "two", "is 'two'; it should be a whole number, 1 or more"),
        ("jobs", 2.5, "is 2.5; it should be a whole number, 1 or more"),
        ("jobs", {"a": 1}, "is {'a': 1}; it should be a whole number, 1 or more"),
        ("pin", "maybe", "is 'maybe'; it should be true or false"),
        ("gpus_per_job", "half", "is half; it should be 0, a part of one GPU such as"),
        ("timeout", "soon", "is 'soon'; it should be a number of seconds above 0"),
        ("timeout", 0, "is 0.0; it should be a number of seconds above 0"),
        ("timeout", -1, "is -1.0; it should be a number of seconds above 0"),
        ("timeout", float("nan"), "is nan; it should be a number of seconds above 0"),
        ("timeout", float("inf"), "is inf; it should be a number of seconds above 0"),
        ("grace", None, "is None; it should be so many seconds, 0 or more"),
        ("max_retries", 1.5, "is 1.5; it should be a whole number, 0 or more"),
        ("fail_fast", "maybe", "is 'maybe'; it should be true or false"),
        ("start", "hot", "is 'hot'; it should be warm or fresh"),
        ("resume", ["a"], "is ['a']; it should be true, false or a sweep's directory"),
        ("resume_changed", "soon", "is 'soon'; it should be true or false"),
    ],
)
def test_what_makes_no_sense_is_refused_in_our_words(name: str, value: object, told: str) -> None:
    with pytest.raises(LaunchError, match=re.escape(f"hydra.launcher.{name} {told}")):
        validate_options({name: value})


def test_text_from_the_environment_is_read_in_the_options_type() -> None:
    given = {"jobs": "4", "pin": "no", "gpus_per_job": "0.5", "timeout": "90", "affinity": None}
    options = validate_options(given)
    assert options.request.jobs == 4
    assert options.request.pin is False
    assert options.request.gpus_per_job == 0.5
    assert options.policy.timeout == 90
    assert options.affinity is None
