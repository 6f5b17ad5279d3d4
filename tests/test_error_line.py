"""An exception in one line, shown on what libraries really raise."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf

from exptools.error_line import LONGEST, error_line


class Net:
    """What a config may instantiate."""

    def __init__(self, width: int = 1, head: Any = None) -> None:
        if width < 0:
            raise ValueError("bad width")
        if width == 0:
            raise AssertionError


class Mute(Exception):
    """Its message cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


def line_of(act: Callable[[], object]) -> str:
    """The line of what a call raises."""
    try:
        act()
    except BaseException as error:  # noqa: BLE001 (that is what is looked at)
        return error_line(error)
    raise AssertionError("nothing was raised")


def raise_from(error: BaseException, cause: BaseException) -> None:
    raise error from cause


@pytest.fixture(autouse=True)
def _target(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("my")
    module.Net = Net  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my", module)
    monkeypatch.setattr(Net, "__module__", "my")


@pytest.mark.hydra
def test_omegaconf_says_what_is_wrong_and_with_which_key() -> None:
    config = OmegaConf.create({"a": {"width": 1, "lost": "${nowhere}"}, "must": "???"})
    OmegaConf.set_struct(config, value=True)
    assert line_of(lambda: config.x) == "ConfigAttributeError: Key 'x' is not in struct"
    nested = line_of(lambda: config.a.seed)
    assert nested == "ConfigAttributeError: Key 'seed' is not in struct (in a.seed)"
    assert line_of(lambda: config.must) == "MissingMandatoryValue: Missing mandatory value: must"
    lost = line_of(lambda: config.a.lost)
    assert lost == "InterpolationKeyError: Interpolation key 'nowhere' not found (in a.lost)"


@pytest.mark.hydra
@pytest.mark.filterwarnings("ignore:hydra.utils.instantiate")
def test_of_what_hydra_instantiates_the_cause_is_told() -> None:
    def line(**model: Any) -> str:
        config = OmegaConf.create({"model": {"_target_": "my.Net", **model}})
        return line_of(lambda: instantiate(config.model))

    # Hydra 1.4 does not wrap what the call raises.
    assert line(width=-1).removesuffix(" (in model, my.Net)") == "ValueError: bad width"
    assert line(width=0).startswith("AssertionError (at test_error_line.py:")
    head = {"_target_": "my.Net", "width": -1}
    assert line(head=head).removesuffix(" (in model.head, my.Net)") == "ValueError: bad width"
    missing = line(_target_="nowhere.Net")
    assert missing.startswith("InstantiationException: Error locating target 'nowhere.Net'")
    assert missing.endswith("(from ModuleNotFoundError: No module named 'nowhere')")
    assert "HYDRA_FULL_ERROR" not in missing


def test_the_cause_that_was_given_is_told_once() -> None:
    cause = ValueError("bad width")
    raised = line_of(lambda: raise_from(RuntimeError("no model"), cause))
    assert raised == "RuntimeError: no model (from ValueError: bad width)"
    again = line_of(lambda: raise_from(RuntimeError("no model: bad width"), cause))
    assert again == "RuntimeError: no model: bad width"
    same = line_of(lambda: raise_from(KeyError("x"), KeyError("x")))  # pandas does so
    assert same == "KeyError: 'x'"
    circle = RuntimeError("round")
    circle.__cause__ = ValueError("and round")
    circle.__cause__.__cause__ = circle
    assert error_line(circle) == "RuntimeError: round (from ValueError: and round)"


def test_long_explanations_of_libraries_are_told_by_what_they_say_first() -> None:
    numpys = line_of(lambda: np.float)  # type: ignore[attr-defined]
    assert numpys == "AttributeError: module 'numpy' has no attribute 'float'."
    cuda = RuntimeError(
        "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously "
        "reported at some other API call, so the stacktrace below might be incorrect.\n"
        "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
    )
    assert error_line(cuda) == "RuntimeError: CUDA error: device-side assert triggered"


def test_a_line_that_only_announces_brings_the_next_one_with_it() -> None:
    state = 'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "w". '
    assert error_line(RuntimeError(state)) == (
        'RuntimeError: Error(s) in loading state_dict for Net: Missing key(s) in state_dict: "w".'
    )
    pydantics = "1 validation error for Conf\nmodel.width\n  Input should be a valid integer [x]"
    assert error_line(ValueError(pydantics)) == (
        "ValueError: 1 validation error for Conf: model.width: Input should be a valid integer [x]"
    )
    parsing = line_of(lambda: yaml.safe_load("a: [1"))
    assert parsing.startswith("ParserError: while parsing a flow sequence: expected ',' or ']'")
    assert error_line(ValueError("it ends here:")) == "ValueError: it ends here"


def test_blank_and_decorative_lines_are_passed_over() -> None:
    message = "\n\n======\n  ╭────╮\n  │ no data │\n  ╰────╯\nsecond"
    assert error_line(ValueError(message)) == "ValueError: no data"
    assert error_line(ValueError("-1 is no width\n---")) == "ValueError: -1 is no width"
    assert error_line(ValueError("\x1b[1;31mred\x1b[0m\talert\x07")) == "ValueError: red alert"


def test_a_message_with_another_processes_traceback_is_told_by_its_end() -> None:
    loader = ValueError(
        "Caught ValueError in DataLoader worker process 0.\n"
        "Original Traceback (most recent call last):\n"
        '  File "worker.py", line 374, in _worker_loop\n    data = fetcher.fetch(index)\n'
        "           ^^^^^^^^^^^^^^^^^^^^\nmy.data.Torn: bad item\n    in shard 3\n"
    )
    told = "Torn: bad item (Caught ValueError in DataLoader worker process 0)"
    assert error_line(loader) == told
    # What comes back from a pool brings its traceback as a cause of its own.
    remote = Exception('\n"""\nTraceback (most recent call last):\nValueError: bad width\n"""')
    assert line_of(lambda: raise_from(ValueError("bad width"), remote)) == "ValueError: bad width"


def test_an_exception_without_a_message_says_where_it_was_raised() -> None:
    assert error_line(AssertionError()) == "AssertionError"
    number = Net.__init__.__code__.co_firstlineno + 4
    assert line_of(lambda: Net(width=0)) == f"AssertionError (at test_error_line.py:{number})"


def test_what_cannot_be_told_is_told_as_far_as_it_can() -> None:
    assert error_line(Mute()) == "Mute: (its message cannot be made)"
    assert error_line(KeyError("x")) == "KeyError: 'x'"
    assert error_line(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert error_line(SystemExit("no data")) == "SystemExit: no data"
    assert error_line(ValueError("broken \udcff\nname")) == "ValueError: broken ?"
    assert error_line(ValueError("\n  →")) == "ValueError: →"


def test_of_a_group_the_first_exception_is_told() -> None:
    class Group(Exception):  # as Python 3.11's
        exceptions = (ValueError("bad width"), KeyError("x"))

    told = "Group: 2 jobs failed (2 sub-exceptions): ValueError: bad width"
    assert error_line(Group("2 jobs failed (2 sub-exceptions)")) == told


def test_a_very_long_message_is_cut_and_says_so() -> None:
    line = error_line(ValueError("x" * (LONGEST + 1234)))
    assert line == f"ValueError: {'x' * LONGEST}… (1,234 more characters)"
