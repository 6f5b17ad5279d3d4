"""Read the YAML of a config that anybody may have written, within limits on time and memory."""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_DEPTH = 100  # values inside values
MAX_VALUES = 50_000  # each counted as often as aliases or interpolations repeat it
MAX_KEYS = 5000  # leaves; the page compares each of them over all runs
MAX_DIRECTIVES = 100  # libyaml compares each tag that is declared with all before it
MAX_NUMBER = 1000  # characters
_TOO_DEEP = f"values nested more than {MAX_DEPTH} deep are not read"

# A float as the config's author meant it. YAML 1.1, which PyYAML follows, reads 1e-3 and 1e3 as
# texts because they have no dot or no sign; to Hydra, which wrote the file, they are numbers.
_FLOAT = re.compile(
    r"""[-+]?(?:
        [0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[0-9][0-9_]*[eE][-+]?[0-9]+
        |\.(?:inf|Inf|INF)
    )$
    |\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$
    |\.(?:nan|NaN|NAN)$""",
    re.VERBOSE,
)
# What PyYAML raises for a value that is not of the type that its tag says.
BAD_VALUE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
_QUOTED = re.compile(r"(tag|alias|anchor|handle) ['\"].*")
_TAG = "tag:yaml.org,2002:"
_PATH_TAGS = ("Path", "PosixPath", "WindowsPath")


class TooLarge(yaml.YAMLError):
    """The text stands for more than is read."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem)
        self.problem = problem
        self.problem_mark = mark


def load(text: str) -> tuple[Any, int]:
    """The value of a YAML document, and how many values it has, aliases expanded.

    Floats are as Hydra reads them, dates and paths texts; what Python's own tags stand for is the
    plain text, list or mapping below the tag. Of a text that can only be small the values are not
    counted: 0.

    Raises:
        yaml.YAMLError: it is no YAML, or is beyond ``MAX_DEPTH``, ``MAX_VALUES`` or
            ``MAX_NUMBER``, or declares more than ``MAX_DIRECTIVES`` tags.
        ValueError, TypeError, LookupError, AttributeError, ArithmeticError: a value is not of the
            type that its tag says.
    """
    if _is_small(text):
        return yaml.load(text, _Loader), 0
    if text.count("%TAG") > MAX_DIRECTIVES:
        raise TooLarge(f"more than {MAX_DIRECTIVES} %TAG directives are not read", None)
    values = _count_values(text)
    return yaml.load(text, _Loader), values


def problem(error: Exception) -> str:
    """Why a text is no YAML, without what stands in it, which may be a secret."""
    if not isinstance(error, yaml.YAMLError):
        return "a value is not of the type that its tag says"
    first = str(getattr(error, "problem", None) or error).partition("\n")[0]
    return _QUOTED.sub(r"\1", first)


def _count_values(text: str) -> int:
    """How many values the text stands for; raises TooLarge where they are too many or too deep."""
    size = _Size()
    try:
        # One event at a time: a deep text would break libyaml's own loader, and a short one with
        # aliases of aliases may stand for more than any memory holds.
        for event in yaml.parse(text, _Loader):
            size.see(event)
    except yaml.MarkedYAMLError as error:
        # libyaml reads ahead of its events, and newer ones (PyYAML 6.0.4) have a limit themselves.
        if "nesting depth" in (error.problem or ""):
            raise TooLarge(_TOO_DEEP, error.problem_mark) from error
        raise
    return size.values


def _is_small(text: str) -> bool:
    """Whether a glance shows that neither values nor depth can be beyond the limits."""
    shallow = "- - " not in text and "? " not in text and " " * MAX_DEPTH not in text
    flow = text.count("[") + text.count("{")
    return len(text) < MAX_VALUES and shallow and flow < MAX_DEPTH // 2 and "*" not in text


class _Size:
    """Counts what has been seen of a text; raises TooLarge where it gets to be too much."""

    def __init__(self) -> None:
        self._of_anchor: dict[str | None, tuple[int, int]] = {}  # values, and how deep they go
        # Anchor, values and depth of the collections that have not ended; the text itself first.
        self._within: list[tuple[str | None, int, int]] = [(None, 0, 0)]

    @property
    def values(self) -> int:
        """How many values there are so far, aliases expanded."""
        return self._within[0][1]

    def see(self, event: yaml.Event) -> None:
        """Count the next event of the text."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._within.append((event.anchor, 1, 0))
            self._check(event, len(self._within))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._add(event, *self._within.pop())
        elif isinstance(event, yaml.ScalarEvent):
            self._add(event, event.anchor, 1, 0)
        elif isinstance(event, yaml.AliasEvent):
            if any(event.anchor == anchor for anchor, _, _ in self._within):
                raise TooLarge("a value that contains itself cannot be read", event.start_mark)
            self._add(event, None, *self._of_anchor.get(event.anchor, (1, 0)))

    def _add(self, event: yaml.Event, anchor: str | None, values: int, depth: int) -> None:
        self._of_anchor[anchor] = values, depth
        around, before, deepest = self._within.pop()
        self._within.append((around, before + values, max(deepest, depth + 1)))
        self._check(event, len(self._within) + depth)

    def _check(self, event: yaml.Event, depth: int) -> None:
        values = self._within[-1][1]
        if depth > MAX_DEPTH:
            raise TooLarge(_TOO_DEEP, event.start_mark)
        if values > MAX_VALUES:
            problem = f"more than {MAX_VALUES} values, aliases expanded, are not read"
            raise TooLarge(problem, event.start_mark)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader with Hydra's reading of floats, dates (texts) and paths."""


def _teach_loader() -> None:
    replaced = (f"{_TAG}float", f"{_TAG}timestamp")
    _Loader.yaml_implicit_resolvers = {
        start: [(tag, pattern) for tag, pattern in resolvers if tag not in replaced]
        for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _Loader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+.0123456789"))
    _Loader.add_constructor(f"{_TAG}int", _integer)
    for name in _PATH_TAGS:
        _Loader.add_constructor(f"{_TAG}python/object/apply:pathlib.{name}", _path_text)
    _Loader.add_multi_constructor(f"{_TAG}python/", _plain)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    # Python takes ever longer for more digits, and refuses to print what has thousands.
    if len(node.value) > MAX_NUMBER:
        problem = f"a number of {len(node.value)} characters is not read"
        raise TooLarge(problem, node.start_mark)
    return loader.construct_yaml_int(node)


def _path_text(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> str:
    return "/".join(map(str, loader.construct_sequence(node))).replace("//", "/")


def _plain(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    # As Lightning writes hyperparameters: tuples, functions by name. Nothing is called or imported.
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return node.value or suffix.partition(":")[2]


_teach_loader()
