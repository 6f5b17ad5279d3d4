"""Tasks wherever users define them, and what of their modules the jobs can use."""

from collections.abc import Callable
from typing import Any

import pytest

from exptools.launching.jobs.results import read_result
from tests.conftest import App

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]


@pytest.fixture
def app(make_app: MakeApp) -> App:
    return make_app("pass")


def write(app: App, text: str, name: str = "app.py") -> None:
    (app.directory / name).write_text(text, encoding="utf-8")


def write_task(app: App, place: str, text: str) -> None:
    """A task in the script, or in a module, which Hydra wants to be in a package."""
    if place == "script":
        write(app, text + RUN)
        return
    (app.directory / "lab").mkdir()
    write(app, "", "lab/__init__.py")
    write(app, text, "lab/tasks.py")
    write(app, "from lab.tasks import main\n" + RUN)


def returned(app: App, jobs: int = 1) -> list[Any]:
    """What the tasks returned, read from the run directories 0, 1, …"""
    results = [read_result(app.out / str(job)) for job in range(jobs)]
    return [result.value if result else None for result in results]


MODULE = """
import functools, hydra, os

class Model:
    def __init__(self, width):
        self.width = width

def double(x):
    return 2 * x
"""
MAIN = """
@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    return Model(double(cfg.x)).width
"""
RUN = 'if __name__ == "__main__":\n    main()\n'


@pytest.mark.hydra
@pytest.mark.parametrize("place", ["script", "module"])
def test_a_task_may_be_in_the_script_or_in_a_module(app: App, start: str, place: str) -> None:
    write_task(app, place, MODULE + MAIN)
    app.completes("+x=1,2", start)
    assert returned(app, 2) == [2, 4]


DECORATED = """
def noisy(task):
    @functools.wraps(task)
    def wrapper(cfg):
        return "wrapped", task(cfg)
    return wrapper

class Counted:
    def __init__(self, task):
        functools.update_wrapper(self, task)
        self.task, self.calls = task, 0
    def __call__(self, cfg):
        self.calls += 1
        return self.calls, self.task(cfg)

@hydra.main(version_base="1.3", config_path=None)
@{outer}
@{inner}
def main(cfg):
    return double(cfg.x)
"""


@pytest.mark.parametrize(
    ("place", "outer", "inner"), [("script", "noisy", "Counted"), ("module", "Counted", "noisy")]
)
def test_a_task_may_be_decorated_in_any_way(
    app: App, start: str, place: str, outer: str, inner: str
) -> None:
    write_task(app, place, MODULE + DECORATED.format(outer=outer, inner=inner))
    app.completes("+x=1,2", start)
    if outer == "noisy":
        assert returned(app, 2) == [("wrapped", (1, 2)), ("wrapped", (1, 4))]
    else:
        assert returned(app, 2) == [(1, ("wrapped", 2)), (1, ("wrapped", 4))]


STRUCTURED = """
import enum, hydra
from dataclasses import dataclass, field
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

class Size(enum.Enum):
    SMALL = 1
    LARGE = 2

@dataclass
class Optimiser:
    rate: float = 0.1
    doubled: float = "${double:${.rate}}"

@dataclass
class Adam(Optimiser):
    beta: float = 0.9

@dataclass
class Config:
    defaults: list = field(default_factory=lambda: ["_self_", {"optimiser": "adam"}])
    optimiser: Optimiser = MISSING
    size: Size = Size.SMALL

store = ConfigStore.instance()
store.store(name="config", node=Config)
store.store(group="optimiser", name="adam", node=Adam)
store.store(group="optimiser", name="plain", node=Optimiser)

class Double:
    def __call__(self, value):
        return 2 * value

if __name__ == "__main__":
    OmegaConf.register_new_resolver("double", Double())

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    config = OmegaConf.to_object(cfg)
    assert type(config) is Config, "the class itself, not another of its name"
    assert OmegaConf.get_type(cfg) is Config
    assert config.size is Size.LARGE
    return type(config.optimiser).__name__, config.optimiser.doubled
"""


@pytest.mark.hydra
def test_configs_may_be_structured_and_use_resolvers_of_the_script(app: App, start: str) -> None:
    write(app, STRUCTURED + RUN)
    app.completes("size=LARGE", "optimiser=adam,plain", "optimiser.rate=3", start)
    assert returned(app, 2) == [("Adam", 6.0), ("Optimiser", 6.0)]


@pytest.mark.hydra
def test_a_value_that_a_structured_config_forbids_is_told_before_anything_starts(app: App) -> None:
    write(app, STRUCTURED + RUN)
    output = app.fails("size=LARGE,HUGE")
    assert "Invalid value 'HUGE'" in output
    assert not (app.out / "0").exists()


POOL = """
@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    import multiprocessing, os
    with multiprocessing.get_context(cfg.how).Pool(2) as pool:
        return pool.map(double, range(3))
"""


@pytest.mark.parametrize("place", ["script", "module"])
def test_a_job_may_have_a_pool_of_processes(app: App, start: str, place: str) -> None:
    write_task(app, place, MODULE + POOL)
    # A pool whose workers cannot find what they should call waits for ever.
    app.completes("+how=fork,spawn,forkserver", "hydra.launcher.timeout=60", start)
    assert returned(app, 3) == [[0, 2, 4]] * 3


def test_what_the_script_imports_only_for_its_effects_is_imported_for_the_jobs(
    app: App, start: str
) -> None:
    write(app, "KNOWN = []\n", "registry.py")
    write(app, "import registry\nregistry.KNOWN.append('pendulum')\n", "environments.py")
    task = """
import environments, registry

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    return registry.KNOWN
"""
    write(app, MODULE + task + RUN)
    app.completes("+x=1", start)
    assert returned(app) == [["pendulum"]]


TORCH = """
import os

class Generator:
    def __init__(self):
        self.seed()
    def seed(self):
        self.drawn = os.urandom(8)

default_generator = Generator()
threads = 99

def initial_seed():
    return int.from_bytes(default_generator.drawn, "big")

def get_num_threads():
    return threads

def set_num_threads(count):
    global threads
    threads = count
"""
USES_TORCH = """
import torch

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    return torch.threads, os.environ["OMP_NUM_THREADS"], torch.default_generator.drawn
"""


def test_a_torch_that_the_helper_has_imported_is_each_jobs_own(app: App) -> None:
    write(app, TORCH, "torch.py")  # the parts that matter, for the real one is a gigabyte
    write(app, MODULE + USES_TORCH + RUN)
    app.completes("+x=1,2")
    threads, told, drawn = zip(*returned(app, 2), strict=True)
    assert [str(count) for count in threads] == list(told)
    assert len(set(drawn)) == 2
