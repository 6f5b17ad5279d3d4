"""The choices of config groups, as Hydra itself writes them, and what is made of other keys."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml

import exptools.viewing as xv
from exptools.rundir import (
    HYDRA_CONFIG,
    HYDRA_DIR,
    HYDRA_OVERRIDES,
    HYDRA_SETTINGS,
    State,
    Status,
    write_status,
)
from tests.viewing.samples import write_run

APP = """
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print(cfg)

main()
"""
CONFIGS = {
    "config.yaml": "defaults:\n- model: small\n- optim@inner.optim: adam\n- optional lesson: null\n"
    "- _self_\n"
    "seed: 0\nrandom_state: ${seed}\ntag: ${model.width}-${seed}\nkind: 1\n",
    "model/small.yaml": "width: 8\nact: relu\n",
    "model/large.yaml": "width: 64\nact: relu\n",
    "model/part/a.yaml": "x: 1\n",
    "optim/adam.yaml": "lr: 0.1\n",
    "kind/other.yaml": "# @package _global_\nkind: 2\n",
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of plain Hydra's, without a launcher, logger or status of ours."""
    root = tmp_path_factory.mktemp("app")
    (root / "app.py").write_text(APP)
    for name, text in CONFIGS.items():
        (root / "conf" / name).parent.mkdir(exist_ok=True, parents=True)
        (root / "conf" / name).write_text(text)
    overrides = ["model=small,large", "seed=0,1", "+model/part=a", "+kind=other"]
    command = [sys.executable, "app.py", "-m", *overrides, "hydra.sweep.dir=multirun"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return xv.load(root / "multirun")


@pytest.mark.slow
def test_a_choice_is_the_value_of_its_group_by_the_name_that_was_typed(swept):
    run = swept[0]
    assert [run.config[key] for key in ("model", "model/part", r"optim@inner\.optim")] == [
        *("small", "a", "adam"),
    ]
    assert not any(key.startswith("hydra") for key in run.config)
    assert "lesson" not in run.config  # none was chosen
    assert run.config["kind"] == 2  # what the config itself has counts
    assert swept.varying[:1] == ("model",)
    assert swept.together["model"] == ("model.width",)
    assert swept.facets == ("model",)
    assert [run.name for run in swept.where("model = 'large' and seed = 1")] == ["3"]


@pytest.mark.slow
def test_what_is_made_of_other_keys_stands_for_none_of_them(swept):
    assert swept[0].derived == {"random_state", "tag"}
    assert swept.seed_key == "seed"
    assert swept.together["seed"] == ("random_state",)
    assert "tag" not in swept.facets


def test_a_remembered_config_has_its_choices_without_another_look(tmp_path, monkeypatch):
    run = write_run(tmp_path / "0", {"lr": 1})
    (run / HYDRA_SETTINGS).write_text("hydra:\n  runtime:\n    choices:\n      model: a\n")
    for name in (HYDRA_CONFIG, HYDRA_SETTINGS):
        os.utime(run / name, (1e9, 1e9))
    first = xv.load(tmp_path)[0].config
    monkeypatch.setattr("exptools.viewing.readers.hydra.choices_text", lambda settings, limit: "")
    assert dict(xv.load(tmp_path)[0].config) == dict(first) == {"model": "a", "lr": 1}


def test_choices_that_were_copied_after_the_config_are_seen(tmp_path):
    # As rsync and syncthing bring a run: file by file, with their old times.
    run = write_run(tmp_path / "0", {"lr": 1})
    os.utime(run / HYDRA_CONFIG, (1e9, 1e9))
    assert dict(xv.load(tmp_path)[0].config) == {"lr": 1}
    (run / HYDRA_SETTINGS).write_text("hydra:\n  runtime:\n    choices:\n      model: a\n")
    os.utime(run / HYDRA_SETTINGS, (1e9, 1e9))
    assert dict(xv.load(tmp_path)[0].config) == {"model": "a", "lr": 1}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hydra: {runtime: {choices: {model: a}}}\n",
        "hydra:\n  runtime:\n    choices:\n      model: [\n",
        "hydra:\n  runtime:\n    choices: {}\n",
        "hydra:\n  runtime:\n    cwd: /\n  job:\n    choices:\n      model: a\n",
        b"\xff\xfe" * 10,
        "hydra:\n  runtime:\n" * 50_000,
        "x" * 2**21,
    ],
)
def test_settings_that_tell_no_choices_leave_the_config_as_it_is(tmp_path, text):
    write_run(tmp_path / "0", {"lr": 1})
    if text is not None:
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "0" / HYDRA_SETTINGS).write_bytes(content)
    (run,) = xv.load(tmp_path)
    assert (dict(run.config), run.faults) == ({"lr": 1}, ())


def test_choices_that_windows_wrote_and_lists_of_choices_are_read(tmp_path):
    choices = "      model: b\n      data:\n      - x\n      - y\n"
    text = f"hydra:\n  runtime:\n    cwd: 'a'\n    choices:\n{choices}  verbose: false\n"
    for job, end in enumerate(("\n", "\r\n")):
        write_run(tmp_path / str(job), {"lr": 1})
        (tmp_path / str(job) / HYDRA_SETTINGS).write_bytes(text.replace("\n", end).encode())
        run = xv.load(tmp_path / str(job))[0]
        assert dict(run.config) == {"model": "b", "data": ("x", "y"), "lr": 1}


def spinning_up(at: str, seed: int) -> dict:
    """A config as its EpochLogger saves it, memory and all."""
    logger = f"<spinup.utils.logx.EpochLogger object at {at}>"
    return {
        "ac_kwargs": {"hidden_sizes": [64, 64]},
        "actor_critic": f"<function mlp_actor_critic at {at}>",
        "env_fn": f"<function call_experiment.<locals>.thunk_plus.<locals>.<lambda> at {at}>",
        "logger": {logger: {"epoch_dict": {}, "exp_name": f"ppo{seed}", "first_row": True}},
        "seed": seed,
    }


def test_where_in_memory_an_object_was_is_left_out_of_what_varies(tmp_path):
    for seed, at in enumerate(("0x7f3a5c0d2e80", "0x7f11ff00aa10", "0x000001F4A2B3C4D8")):
        run = tmp_path / str(seed)
        run.mkdir()
        (run / "progress.txt").write_text("Epoch\tTotalEnvInteracts\tAverageEpRet\n0\t10\t1.5\n")
        (run / "config.json").write_text(json.dumps(spinning_up(at, seed)))
    runs = xv.load(tmp_path)
    assert runs.varying == ("seed",)
    assert runs[0].config["actor_critic"] == "<function mlp_actor_critic at 0x…>"
    key = r"logger.<spinup\.utils\.logx\.EpochLogger object at 0x…>.exp_name"
    assert [run.config[key] for run in runs] == ["ppo0", "ppo1", "ppo2"]


def test_a_key_that_is_an_object_without_an_address_is_left_out_as_well(tmp_path):
    for job in range(2):
        file = f"<_io.TextIOWrapper name='/tmp/{job}/progress.txt' mode='w' encoding='UTF-8'>"
        write_run(tmp_path / str(job), {"log": {file: {"mode": "w"}}, "a<b": job, "<tag>": job})
    assert xv.load(tmp_path).varying == ("a<b", "<tag>")


def test_two_objects_of_a_type_keep_what_each_holds(tmp_path):
    write_run(tmp_path / "0", {"<A object at 0x7f3a5c>": 1, "<A object at 0x7f3a5d>": 2})
    assert list(xv.load(tmp_path)[0].config.items()) == [
        *(("<A object at 0x…>", 1), ("<A object at 0x…> (2)", 2)),
    ]


@pytest.mark.parametrize(
    "text", ["read at 0x7f3a5c0d", "<b> at 0x", "0x7f3a5c0d2e80", "<0x7f3a5c>"]
)
def test_a_number_that_is_no_address_stays(tmp_path, text):
    write_run(tmp_path / "0", {"text": text})
    assert xv.load(tmp_path)[0].config["text"] == text


@pytest.mark.slow
def test_what_is_foreseen_of_a_job_is_what_hydra_will_compose(swept, tmp_path):
    shutil.copytree(swept.origin.roots[0], tmp_path, dirs_exist_ok=True)
    for job, run in enumerate(swept):
        overrides = yaml.safe_load((tmp_path / run.name / HYDRA_OVERRIDES).read_text())
        shutil.rmtree(tmp_path / run.name / HYDRA_DIR)
        write_status(tmp_path / run.name, Status(State.QUEUED, job=job, overrides=(*overrides,)))
    for run, composed in zip(xv.load(tmp_path), swept, strict=True):
        assert {"seed", "model/part"} < run.config.keys()
        assert run.config.items() <= composed.config.items()
