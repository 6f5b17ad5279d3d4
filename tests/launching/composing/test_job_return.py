"""The JobReturn of a job is Hydra's in all that one can see, but for what it costs."""

import copy
import dataclasses
import gc
import pickle
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hydra
import pytest
import yaml
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import open_dict

from exptools.launching.jobs.outcomes import Job
from hydra_plugins.exptools_launcher._composing._packing import pack
from hydra_plugins.exptools_launcher._composing._same_config import same_config
from hydra_plugins.exptools_launcher._job_return import JobReturnOnDemand

pytestmark = [pytest.mark.hydra, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def both(tmp_path: Path) -> Any:
    """Hydra's JobReturn of a job and ours, by these names."""
    content = {"defaults": ["_self_"], "seed": 1, "name": "run_${seed}", "nested": {"x": [1, None]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    setup_globals()
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration(
            "config", [f"hydra.sweep.dir={tmp_path}/out", "hydra.job.chdir=false"], RunMode.MULTIRUN
        )
        config = loader.load_sweep_config(master, ["seed=3"])
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = "job_0", 0
        packed, before = pack(config), HydraConfig.instance().cfg
        context = HydraContext(loader, Callbacks())
        task = (lambda cfg: 0.5, config, "hydra.sweep.dir", "hydra.sweep.subdir", context)
        theirs = run_job(*task, configure_logging=False)
        HydraConfig.instance().cfg = before
    job = Job(0, ("seed=3",), tmp_path / "out" / "0", packed)
    told = {"working_dir": theirs.working_dir, "task_name": theirs.task_name}
    ours = JobReturnOnDemand.of(job, **told, status=JobStatus.COMPLETED, _return_value=0.5)
    return SimpleNamespace(hydras=theirs, ours=ours, job=job)


def test_its_configs_are_hydras_node_by_node(both: Any) -> None:
    assert same_config(both.ours.cfg, both.hydras.cfg)
    assert same_config(both.ours.hydra_cfg, both.hydras.hydra_cfg)
    assert both.ours.cfg.name == "run_3"
    assert both.ours == both.hydras
    assert both.hydras == both.ours
    assert repr(both.ours) == repr(both.hydras)
    assert dataclasses.asdict(both.ours).keys() == dataclasses.asdict(both.hydras).keys()


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_copy_of_it_is_hydras_own_whether_or_not_anybody_has_looked(
    both: Any, copied: Any
) -> None:
    assert type(copied(both.ours)) is JobReturn
    assert copied(both.ours) == both.hydras
    assert both.ours.return_value == copied(both.ours).return_value == 0.5


def test_what_one_changes_in_it_stays_changed(both: Any) -> None:
    both.ours.cfg.seed = 9
    both.ours.working_dir = "elsewhere"
    both.ours.hydra_cfg = None
    assert (both.ours.cfg.seed, both.ours.working_dir) == (9, "elsewhere")
    assert both.ours.hydra_cfg is None
    assert copy.deepcopy(both.ours).cfg.seed == 9
    assert dataclasses.replace(both.ours, task_name="x").cfg.seed == 9


def test_a_job_takes_a_few_kilobytes_until_somebody_looks(both: Any) -> None:
    def size(make: Any) -> float:
        gc.collect()
        tracemalloc.start()
        kept = [make() for _ in range(20)]
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] / len(kept)
        tracemalloc.stop()
        return used

    def job_return() -> JobReturn:
        content = both.job.argument[:-1] + both.job.argument[-1:]  # of its own
        job = dataclasses.replace(both.job, argument=content)
        return JobReturnOnDemand.of(job, status=JobStatus.COMPLETED, _return_value=0.5)

    assert size(job_return) < 8_000
    assert size(lambda: job_return().hydra_cfg) > 20_000
