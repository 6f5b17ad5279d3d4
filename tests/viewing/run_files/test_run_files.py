"""Snapshots, usage, the command for one run, configs as they are shown."""

import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest

from exptools.launching.usage import HEADER
from exptools.viewing.configs.tree import MAX_VALUE, Leaf, bounded, leaves
from exptools.viewing.configs.values import MISSING
from exptools.viewing.figures.single_run import usage_figures
from exptools.viewing.groups.differences import Peculiarity, peculiarities
from exptools.viewing.run_files.directory import log_names, snapshots
from exptools.viewing.run_files.rerun import read_overrides, rerun, split_program
from exptools.viewing.run_files.usage import read_usage
from tests.viewing.samples import parse_config, run_with

HYDRA = {"job": {"name": "train"}, "runtime": {"cwd": "/code/my project"}}


def test_snapshots_are_listed_by_what_counts_and_never_opened(tmp_path):
    place = tmp_path / "snapshots"
    place.mkdir()
    snapshot_names = ["params.pkl", "itr_100.pkl", "itr_9.pkl", "itr_200.1.pkl"]
    for name in (*reversed(snapshot_names), ".params.pkl.aside", "x.txt"):
        (place / name).write_bytes(b"12345")
        (place / name).chmod(0)
    (place / "itr_1.pkl").symlink_to("/etc/passwd")
    found = snapshots(place)
    assert [one.name for one in found] == snapshot_names
    assert (found[1].step, found[0].size, found[3].replaced_by) == (100, 5, 1)
    assert snapshots(tmp_path / "none") == []


def test_what_the_run_wrote_comes_first_among_its_logs(tmp_path):
    for name in ("train.log", "output.log", "job.err", "progress.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "old.log").mkdir()
    assert log_names(tmp_path) == ["output.log", "job.err", "train.log"]


def test_the_logs_of_sacred_and_wandb_are_logs(tmp_path):
    (tmp_path / "files").mkdir()
    for name in ("cout.txt", "files/output.log", "notes.txt"):
        (tmp_path / name).write_text("x")
    assert log_names(tmp_path) == ["cout.txt", "files/output.log"]


def usage_of(tmp_path, content):
    path = tmp_path / "usage.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with path.open("rb") as file:
        return read_usage(file)


def test_usage_is_drawn_for_what_was_measured(tmp_path):
    rows = "".join(f"{1e9 + 2 * n:.3f},{n}.0,{n * 2**30},,\n" for n in range(2000))
    usage = usage_of(tmp_path, f"{HEADER}{rows}1000004000.000,50")  # a torn line
    assert len(usage.time) == 2000
    assert np.isnan(usage.gpu_percent).all()
    charts = list(usage_figures(usage))
    assert [(name, said) for name, said, _ in charts] == [
        ("CPU", "1,999 % of a core, at most 1,999 %"),
        ("Memory", "2 TiB, at most 2 TiB"),
    ]
    assert len(json.dumps(charts)) < 40_000


@pytest.mark.parametrize("content", ["", HEADER[:10], HEADER])
def test_usage_of_nothing_is_nothing(tmp_path, content):
    usage = usage_of(tmp_path, content)
    assert usage is None or list(usage_figures(usage)) == []


def test_a_table_of_very_many_columns_is_no_usage(tmp_path):
    content = f"{HEADER[:-1]},{','.join(map(str, range(100)))}\n"
    with pytest.raises(ValueError, match="a header of 105 columns is not read"):
        usage_of(tmp_path, content)


def test_another_table_is_no_usage(tmp_path):
    with pytest.raises(ValueError, match="first line should be time"):
        usage_of(tmp_path, b"a,b\n1,2\n")


def test_cells_that_are_no_numbers_are_gaps(tmp_path):
    usage = usage_of(tmp_path, f"{HEADER}<b>,1,2,3,4\n2,x,1e999,,\n1,5,6,7,8,9\n")
    assert usage.time.tolist() == [1, 2]
    assert usage.cpu_percent[0] == 5
    assert np.isnan(usage.cpu_percent[1])


def test_a_job_of_a_sweep_runs_again_by_itself():
    command = ["/usr/bin/python3.11", "-X", "dev", "train.py", "-m", "lr=1,2", "-cn", "big"]
    hydra = ["hydra/launcher=exptools", "hydra.launcher.jobs=2", "hydra.sweep.dir=x"]
    kept = ["hydra/callbacks=exptools", "hydra.job.chdir=true", "--config-path=conf"]
    again = rerun([*command, *hydra, *kept], ["lr=1", "name=it's a $HOME"], HYDRA, in_sweep=True)
    assert again.words == (
        *("/usr/bin/python3.11", "-X", "dev", "train.py", "-cn", "big"),
        *("hydra/callbacks=exptools", "hydra.job.chdir=true", "--config-path=conf"),
        *("lr=1", "name=it's a $HOME"),
    )
    assert again.text.startswith("cd '/code/my project' && /usr/bin/python3.11 -X dev train.py")
    assert tuple(shlex.split(again.text)[3:]) == again.words


def test_what_a_shell_makes_of_the_command_is_the_override_itself(tmp_path):
    awkward = "text='a b' $(touch gone) `x` \"q\" \\ ; * é"
    script = "import sys; print(ascii(sys.argv[1:]))"
    again = rerun([sys.executable, "-c", script], [awkward], {}, in_sweep=False)
    done = subprocess.run(
        ["sh", "-c", again.text], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ascii([awkward])
    assert os.listdir(tmp_path) == []


def test_a_sweep_that_its_config_asked_for_is_told_to_be_one_run():
    again = rerun(["python", "-m", "pkg.train", "a=1"], ["a=1"], {}, in_sweep=True)
    assert again.words == ("python", "-m", "pkg.train", "hydra.mode=RUN", "a=1")


def test_without_a_command_the_jobs_name_is_all_there_is():
    again = rerun([], ["lr=1"], HYDRA)
    assert again.text == "cd '/code/my project' && python train.py lr=1"
    assert "name" in again.note
    assert rerun([], ["lr=1"], None) is None
    assert rerun(["python", "x.py", "3"], [], None, in_sweep=True).note != ""
    assert split_program(["train", "-m", "a=1"]) == (("train",), ("-m", "a=1"))


@pytest.mark.parametrize("text", ["a: 1", "- 1", "\0", "- ["])
def test_overrides_that_are_no_list_of_texts_are_refused(tmp_path, text):
    path = tmp_path / "overrides.yaml"
    path.write_text(text)
    with path.open("rb") as file, pytest.raises(ValueError, match=r"list of texts|valid YAML"):
        read_overrides(file)


def test_a_config_is_shown_with_types_and_its_long_values_cut():
    config = parse_config("a: {b.c: 1, t: '1'}\nx: 0.1\nn: null\nl: [1, {y: true}]\ne: {}\n")
    assert leaves(config)[:3] == [
        Leaf(("a", "b.c"), "1", "int", False),
        Leaf(("a", "t"), '"1"', "str", False),
        Leaf(("x",), "0.1", "float", False),
    ]
    assert [(leaf.text, leaf.kind) for leaf in leaves(config)[3:]] == [
        ("null", "null"),
        ("[1, {y: true}]", "list"),
        ("{}", "dict"),
    ]
    (leaf,) = leaves({"k": "x" * 10**6})
    assert (len(leaf.text), leaf.cut) == (MAX_VALUE, True)


def test_a_short_text_of_aliases_is_not_expanded():
    long = "x" * 500_000
    text, cut = bounded([[long] * 1000] * 1000, 100)
    assert (len(text), cut) == (100, True)
    assert bounded("half \ud800", 100)[0] == "half \\ud800"


def test_a_run_is_peculiar_where_most_of_its_group_have_something_else():
    group = [run_with(str(n), lr=n % 3, opt="adam", seed=n) for n in range(8)]
    odd = run_with("8", lr=2, opt="sgd", seed=8, extra=1)
    found = peculiarities(odd, [*group, odd])
    assert found[0] == Peculiarity("lr", 2, 3, ((0, 3), (1, 3)))
    assert found[1] == Peculiarity("opt", "sgd", 1, (("adam", 8),))
    assert (found[2].key, len(found[2].others)) == ("seed", 8)
    assert found[3] == Peculiarity("extra", 1, 1, ((MISSING, 8),))
    assert [one.key for one in peculiarities(group[0], [*group, odd])] == ["lr", "seed"]
