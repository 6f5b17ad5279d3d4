"""What our loader composes is what Hydra composes, node by node, and so is what it raises.

On config trees that are generated: groups in groups, packages, experiments that override groups,
interpolated choices, typed nodes; and on sweeps of all kinds of overrides, right and wrong ones.
"""

import enum
import math
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Optional, Union
from unittest.mock import patch

import hydra
import pytest
import yaml
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from omegaconf import MISSING, DictConfig, Node, OmegaConf

from hydra_plugins.exptools_launcher._composing._compose import CachingLoader
from hydra_plugins.exptools_launcher._composing._template import Template

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
    assert "__deepcopy__" not in vars(node), f"{path} is not copied as it is"
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
        self.directory = directory
        self.hydra = loaders[0]
        self.ours = CachingLoader(loaders[1])
        self.master = self.hydra.load_configuration("config", [*overrides], RunMode.MULTIRUN)

    def compare(self, sweep: list[list[str]]) -> None:
        for overrides in sweep:
            expected = answer(self.hydra, self.master, overrides)
            assert answer(self.ours, self.master, overrides) == expected, overrides

    def count(self, sweep: list[list[str]]) -> tuple[int, int]:
        """How often Hydra composes a config for a sweep, and reads a file of the tree."""
        loader = self.ours.loader
        with (
            patch.object(loader, "load_sweep_config", wraps=loader.load_sweep_config) as composed,
            patch.object(OmegaConf, "load", wraps=OmegaConf.load) as loaded,
        ):
            for overrides in sweep:
                self.ours.load_sweep_config(self.master, overrides)
        mine = str(self.directory.parent)
        names = [str(getattr(call.args[0], "name", "")) for call in loaded.call_args_list]
        return composed.call_count, sum(name.startswith(mine) for name in names)


@pytest.fixture(autouse=True)
def _hydra_state() -> Iterator[None]:
    ConfigStore.instance().store(name="base", group="shape", node=Typed)
    yield
    GlobalHydra.instance().clear()


SCALARS = st.sampled_from(
    [
        *(0, 1, -7, 0.1, 1e-5, math.inf, math.nan, True, None),
        *("text", "é ≤ 日本", "a=b, c", "1", "", "???"),
        *("${seed}", "${.x}", "${oc.env:HOME}", "${hydra:job.num}_x", "${nested.x}"),
    ]
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
    *("+t.counts.b", "++seed", "++new", "++db.y", "++db.nested.x", "++model.nested", "++db"),
    *("++model.items", "++nested.1", "++link.x", "~x", "~db.x", "~model", "~t.counts.a", "nosuch"),
    *("+seed", "~nosuch", "t.layers.9.act", "db@x.y", "hydra.job.name", "model.items.0"),
]
VALUES = [
    *("1", "2", "0.5", "-3", "1e-5", "null", "true", "inf", "nan", "RED", "text", "???", "", "é"),
    *("'quoted, text'", '"${seed}"', "${seed}", "${hydra:job.num}_x", '"${now:%S}"', r"a\,b"),
    *("[1,2]", "[]", "{x:1,y:{z:2}}", "{}", "{a:2}", "[{width:7}]", "1,2", "range(3)", "a=b"),
    *("{x:${seed}}", r"'it\'s'", "{1:2}", "[a,[b,{c:d}]]", "glob(*)", "'1'"),
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
    max_examples=int(os.environ.get("EXPTOOLS_TEST_TREES", "10")),  # more of them for a long run
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


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """One of 14 groups with 2 options each."""
    groups = {f"g{number}": "a" for number in range(14)}
    defaults: list[Any] = [{group: option} for group, option in groups.items()]
    files = {f"{group}/{option}": ("", {"x": option}) for group in groups for option in "ab"}
    return Tree(write(tmp_path, {"config": ("", {"defaults": defaults, "seed": 1}), **files}))


def test_hydra_composes_two_configs_for_each_choice_of_groups_however_many_jobs_there_are(
    tree: Tree,
) -> None:
    sweep = [[f"g3={option}", f"seed={seed}"] for seed in range(10) for option in "ab"]
    tree.compare(sweep)
    assert tree.count(sweep) == (0, 0)  # both choices are known by now
    assert tree.count([["g4=b", f"seed={seed}"] for seed in range(10)])[0] == 2


def test_where_each_job_has_groups_of_its_own_each_file_is_read_once(tree: Tree) -> None:
    sweep = [[f"g{number}=b"] for number in range(14)]
    composed, files = tree.count(sweep)
    assert composed == 14, "a template would be for nothing"
    assert files == 1 + 14 + 14  # the primary config and both options of each group
    tree.compare(sweep)


def test_each_kind_of_override_is_composed_by_hydra_when_it_is_first_met(tree: Tree) -> None:
    sweep = [["seed=1"], ["seed=2"], ["seed=text"], ["seed=more"], ["+new=1"], ["+new=2"]]
    tree.compare(sweep)
    assert [tree.count([job])[0] for job in [["seed=3"], ["seed=[1]"], ["+new=2"]]] == [0, 1, 0]


def test_after_a_difference_hydra_composes_every_config(tree: Tree) -> None:
    with patch.object(Template, "fill", side_effect=lambda *_: OmegaConf.create({"seed": 1})):
        tree.count([["seed=1"], ["seed=2"]])
    sweep = [[f"seed={seed}"] for seed in range(3, 6)]
    assert tree.count(sweep)[0] == 3
    tree.compare(sweep)


def test_what_hydra_adds_at_the_end_may_depend_on_the_job(tree: Tree) -> None:
    with patch.dict(os.environ, {"TOLD": "1"}):
        own = Tree(tree.directory, "hydra.job.env_copy=[TOLD]", "hydra.job.name=${seed}_x")
        own.compare([[f"seed={seed}"] for seed in range(4)])
        os.environ["TOLD"] = "2"
        own.compare([["seed=5"], ["seed=6", "g1=b"]])
        write(tree.directory / "other", {"config": ("", {"names": ["TOLD", "HOME"]})})
        copied = Tree(tree.directory / "other", "hydra.job.env_copy=${names}")
        copied.compare([[f"names=[{name}]"] for name in ("TOLD,HOME", "HOME,TOLD", "HOME", "NONE")])
    separated = Tree(tree.directory, "hydra.job.config.override_dirname.item_sep=${seed}")
    separated.compare([["g1=b", f"seed={n}"] for n in range(4)])


def test_a_search_path_of_the_primary_config_is_read_once_too(tmp_path: Path) -> None:
    write(tmp_path / "more", {"extra/a": ("", {"x": 1}), "extra/b": ("", {"x": 2})})
    search = {"hydra": {"searchpath": [f"file://{tmp_path}/more"]}}
    write(tmp_path / "conf", {"config": ("", {"defaults": [{"extra": "a"}], "seed": 1, **search})})
    tree = Tree(tmp_path / "conf")
    assert tree.count([["extra=b"], ["extra=a"], ["extra=b", "seed=2"]])[1] == 3
    tree.compare([[f"extra={option}", f"seed={n}"] for option in "ab" for n in range(3)])


def test_nothing_that_a_job_does_with_its_config_reaches_the_next(tree: Tree) -> None:
    for _ in range(4):
        config = tree.ours.load_sweep_config(tree.master, ["seed=7"])
        config.g0.x, config.hydra.job.env_set = "changed", {"X": "1"}
    tree.compare([["seed=7"], ["g0=b"], ["g1=b"]])


@pytest.fixture
def plugins_of_now() -> None:
    """Hydra's own suites, run in this process before, have loaded the classes of its plugins anew.

    Only those that stand in their modules can be pickled.
    """
    plugins = Plugins.instance()
    SourcesRegistry.instance().types.clear()
    plugins._initialize()


def test_the_loader_of_a_fresh_job_is_hydras_own_and_carries_no_files(
    plugins_of_now: None, tree: Tree
) -> None:
    tree.count([["seed=1"], ["seed=2"]])
    sent = pickle.loads(pickle.dumps(tree.ours.loader))
    assert type(sent.repository) is type(tree.hydra.repository)
    assert answer(sent, tree.master, ["seed=3"]) == answer(tree.hydra, tree.master, ["seed=3"])
