"""What our loader composes is what Hydra composes, node by node, and so is what it raises.

On config trees that are generated: groups in groups, packages, experiments that override groups,
interpolated choices, typed nodes; and on sweeps of all kinds of overrides, right and wrong ones.
"""

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Optional, Union

import hydra
import pytest
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from omegaconf import MISSING, DictConfig, Node, OmegaConf

from hydra_plugins.exptools_launcher._compose import CachingLoader

pytestmark = [
    pytest.mark.hydra,
    pytest.mark.filterwarnings("ignore"),  # Hydra's, of what some trees do the old way
]


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Layer:
    width: int = 3
    act: str = "relu"


@dataclass
class Typed:
    colour: Colour = Colour.RED
    limit: Optional[float] = None  # noqa: UP045 (as users of Python 3.10 write it)
    either: Union[int, str] = 1  # noqa: UP007
    counts: dict[str, int] = field(default_factory=lambda: {"a": 1})
    layers: list[Layer] = field(default_factory=lambda: [Layer(), Layer(5)])
    layer: Layer = field(default_factory=Layer)
    name: str = MISSING


def describe(node: Any, path: str = "") -> Iterator[tuple[str, ...]]:
    """Each node below a node: its path, its type, what it says of itself, and its value."""
    metadata = {name: repr(value) for name, value in vars(node._metadata).items()}
    content = node._value() if isinstance(node, Node) else node
    held = content if isinstance(content, dict | list) else None
    shown = list(held) if isinstance(held, dict) else len(held) if held is not None else content
    yield path, type(node).__name__, str(metadata), f"{type(content).__name__} {shown!r}"
    for key, child in held.items() if isinstance(held, dict) else enumerate(held or []):
        assert child._get_parent() is node, f"{path}.{key} has another parent"
        yield from describe(child, f"{path}.{key}")


def answer(loader: Any, master: DictConfig, overrides: list[str]) -> list[Any]:
    """What a loader answers: a config's nodes, or an error's type and words."""
    try:
        config = loader.load_sweep_config(master, overrides)
    except Exception as error:  # noqa: BLE001 (any is an answer)
        return [type(error), str(error), type(error.__cause__), str(error.__cause__)]
    return list(describe(config))


class Tree:
    """A config tree on disk, with Hydra's loader for it and ours."""

    def __init__(self, directory: Path, *overrides: str) -> None:
        loaders = []
        for _ in range(2):
            GlobalHydra.instance().clear()
            hydra.initialize_config_dir(str(directory), version_base="1.3")
            loaders.append(GlobalHydra.instance().config_loader())
        self.hydra = loaders[0]
        self.ours = CachingLoader(loaders[1])
        self.master = self.hydra.load_configuration("config", [*overrides], RunMode.MULTIRUN)

    def compare(self, sweep: list[list[str]]) -> None:
        for overrides in sweep:
            expected = answer(self.hydra, self.master, overrides)
            assert answer(self.ours, self.master, overrides) == expected, overrides

    @property
    def templates_are_trusted(self) -> bool:
        return self.ours._templates._trusted


@pytest.fixture(autouse=True)
def _hydra_state() -> Iterator[None]:
    ConfigStore.instance().store(name="base", group="shape", node=Typed)
    yield
    GlobalHydra.instance().clear()


SCALARS = st.sampled_from(
    [0, 1, -7, 0.1, 1e-5, math.inf, math.nan, True, None, "text", "é ≤ 日本", "a=b, c", "1", ""]
    + ["???", "${seed}", "${.x}", "${oc.env:HOME}", "${hydra:job.num}_x", "${nested.x}"]
)
CONTENTS = st.fixed_dictionaries(
    {"x": SCALARS},
    optional={
        "y": SCALARS,
        "nested": st.dictionaries(st.sampled_from(["x", "z", "1"]), SCALARS, max_size=3),
        "items": st.lists(SCALARS | st.just({"x": 1}), max_size=3),
        "link": st.just("${nested}"),
    },
)


@st.composite
def trees(draw: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Files of a config tree: path → (package header, content)."""
    own = draw(CONTENTS)
    entries: list[Any] = [{"db": "mysql"}, {"model": "small"}, {"shape@t": "base"}]
    entries += draw(st.lists(st.sampled_from(MORE_DEFAULTS), unique_by=str, max_size=3))
    entries.insert(draw(st.integers(0, len(entries))), "_self_")
    entries.sort(key=lambda entry: "override" in str(entry))  # Hydra wants them last
    headers = st.sampled_from(["", "", "", "# @package _global_\n", "# @package other.place\n"])
    files = {"config": ("", {"defaults": entries, "seed": 1, **own})}
    for name in ("db/mysql", "db/pg", "model/small", "model/big", "pairs/mysql_small"):
        files[name] = (draw(headers), draw(CONTENTS))
    files["pairs/pg_small"] = ("", {"defaults": [{"/db@inner": "pg"}, "_self_"], "x": 5})
    files["model/big"][1]["defaults"] = [{"part": draw(st.sampled_from(["one", "two"]))}, "_self_"]
    files["model/part/one"], files["model/part/two"] = ("", draw(CONTENTS)), ("", draw(CONTENTS))
    overriding = [{"override /db": "pg"}, {"override /hydra/job_logging": "none"}, "_self_"]
    files["experiment/e1"] = ("# @package _global_\n", {"defaults": overriding, **draw(CONTENTS)})
    files["experiment/e2"] = ("# @package _global_\n", {"seed": 9, "db": {"x": 3}})
    return files


MORE_DEFAULTS: list[Any] = [
    {"optional missing": "nothing"},
    {"pairs": "${db}_${model}"},
    {"db@second": "pg"},
    {"experiment": "e2"},
    {"override hydra/job_logging": "disabled"},
]
GROUPS = {
    "db": ["mysql", "pg", "mysql", "pg", "nosuch", "[mysql,pg]"],
    "model": ["small", "big"],
    "+experiment": ["e1", "e2"],
    "+db@backup": ["pg", "mysql"],
    "db@second": ["mysql"],
    "model/part": ["one", "two"],
    "~db": ["", "mysql"],
    "~model": [""],
    "hydra/job_logging": ["none"],
}
KEYS = [
    *("seed", "x", "db.x", "model.x", "t.colour", "t.limit", "t.either", "t.counts.a", "t.counts"),
    *("t.layer.width", "t.layers.1.act", "t.layer", "t.name", "+new", "+new.key", "+deep.er.key"),
    *(
        "+t.counts.b",
        "++seed",
        "++new",
        "++db.y",
        "++db.nested.x",
        "++model.nested",
        "++model.items",
    ),
    *("~x", "~db.x", "~model", "~t.counts.a", "+other.place.x", "++nested.1", "++link.x", "++db"),
    *("nosuch", "+seed", "~nosuch", "t.layers.9.act", "db@x.y", "hydra.job.name", "model.items.0"),
]
VALUES = [
    *("1", "2", "0.5", "-3", "1e-5", "null", "true", "inf", "nan", "RED", "text", "???", ""),
    *(
        "'quoted, text'",
        '"${seed}"',
        "${seed}",
        "${hydra:job.num}_x",
        '"${now:%S}"',
        r"a\,b",
        "'1'",
    ),
    *("[1,2]", "[]", "{x:1,y:{z:2}}", "{}", "{a:2}", "[{width:7}]", "1,2", "range(3)", "é", "a=b"),
    *("{x:${seed}}", r"'it\'s'", "{1:2}", "[a,[b,{c:d}]]", "glob(*)"),
]


@st.composite
def sweeps(draw: Any) -> list[list[str]]:
    """Jobs that mostly set the same keys, as a sweeper's do."""
    groups = draw(st.lists(st.sampled_from(list(GROUPS)), unique=True, max_size=2))
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3))
    choices = [[f"{key}={value}".removesuffix("=") for value in GROUPS[key]] for key in groups]
    few = [draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3)) for _ in keys]
    choices += [
        [key if key.startswith("~") else f"{key}={value}" for value in values]
        for key, values in zip(keys, few, strict=True)
    ]
    shuffled = draw(st.permutations(choices))
    job = st.tuples(*map(st.sampled_from, shuffled)).map(list)
    return draw(st.lists(job, min_size=3, max_size=6))


def write(directory: Path, files: dict[str, tuple[str, dict[str, Any]]]) -> Path:
    for name, (header, content) in files.items():
        path = directory / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        path.write_text(header + text, "utf-8")
    return directory


@pytest.mark.slow
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # a failure is told as it is: each try takes a second
    suppress_health_check=list(HealthCheck),
)
@given(files=trees(), sweep=sweeps())
def test_whatever_the_tree_and_the_overrides_config_and_error_are_hydras(
    files: dict[str, tuple[str, dict[str, Any]]], sweep: list[list[str]]
) -> None:
    with TemporaryDirectory() as directory:
        Tree(write(Path(directory), files)).compare(sweep)
