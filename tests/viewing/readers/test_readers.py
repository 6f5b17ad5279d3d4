import os

import pytest
from omegaconf import OmegaConf

from exptools.rundir import HYDRA_CONFIG, PROGRESS_CSV, STATUS_FILE, SWEEP_FILE, State
from exptools.viewing.configs.safe_yaml import MAX_KEYS
from exptools.viewing.configs.values import flatten
from exptools.viewing.groups.grouping import config_key, groups
from exptools.viewing.readers.memory.texts import MAX_TEXT
from tests.viewing.samples import indexed, only_run, parse_config, run_with, write_run

SPELLINGS = (
    *("1e-3", "1E5", "-1e3", "+2e-4", "1.5e-3", "1.e3", ".5", ".5e-2", ".5e2", "-.5", "-.5e2"),
    *("1_000", "1_0.5", "12e03", "1", "0x1F", "true", "null", "~", "nan", ".nan", "-.inf", "e3"),
    *("1e", "1-3", "1e-3x", ".", "...", "abc", "'1e-3'", "${a.b}", "[1e-3, x]", "2026-11-22"),
    "2026-11-22 10:00:00",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_value_is_read_as_hydra_reads_it(spelling):
    text = f"a:\n  b: 7\nkey: {spelling}\n"
    ours = dict(parse_config(text))
    hydras = dict(flatten(OmegaConf.to_container(OmegaConf.create(text), resolve=True)))
    assert repr(ours) == repr(hydras).replace("[0.001, 'x']", "(0.001, 'x')")


def test_a_nested_config_becomes_dotted_keys_and_lists_become_tuples():
    config = parse_config("optim: {lr: 0.1, betas: [0.9, 0.99]}\nname: ${optim.lr}\nempty: {}\n")
    assert config == {
        "optim.lr": 0.1,
        "optim.betas": (0.9, 0.99),
        "name": 0.1,
        "empty": {},
    }


def test_a_path_as_omegaconf_saves_it_does_not_spoil_the_config(tmp_path):
    text = OmegaConf.to_yaml(OmegaConf.create({"data": tmp_path / "x", "lr": 1}))
    assert parse_config(text) == {"data": str(tmp_path / "x"), "lr": 1}


def test_a_config_cannot_be_changed(tmp_path):
    run = only_run(write_run(tmp_path / "0", {"lr": 1}))
    with pytest.raises(TypeError):
        run.config["lr"] = 2


def bomb(repeat: str, first: str = "[1]") -> str:
    """Nine levels, each with nine aliases of the one before: 9⁹ values in a few lines."""
    levels = [repeat.format(*[f"*a{level - 1}"] * 9) for level in range(1, 10)]
    return "".join(f"a{n}: &a{n} {level}\n" for n, level in enumerate([first, *levels]))


OVER_LIMITS = {
    "a list": ("- 1\n", "mapping"),
    "a list that contains itself": ("a: &a [1, *a]\n", "contains itself"),
    "a list of itself in another": ("a: &a\n  b: &b [*a]\n", "contains itself"),
    "an alias bomb of lists": (bomb("[{}, {}, {}, {}, {}, {}, {}, {}, {}]"), "aliases expanded"),
    "an alias bomb of mappings": (
        bomb("{{a: {}, b: {}, c: {}, d: {}, e: {}, f: {}, g: {}, h: {}, i: {}}}"),
        "aliases expanded",
    ),
    "a bomb of merges": (
        bomb("{{<<: [{}, {}, {}, {}, {}, {}, {}, {}, {}]}}", "{x: 1}"),
        "expanded",
    ),
    "a chain of aliases": (
        "a0: &a0 []\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200)),
        "100 deep",
    ),
    "deep lists": ("a: " + "[" * 400_000, "100 deep"),
    "deep mappings": ("{a: " * 500 + "1" + "}" * 500, "100 deep"),
    "a number of many digits": ("a: " + "9" * 5000, "5000 characters"),
    "a hexadecimal number that cannot be printed": ("a: 0x" + "f" * 5000, "5002 characters"),
    "a number to the base of sixty": ("a: 1" + ":59" * 100_000, "characters"),
    "very many keys": ("".join(f"k{n}: 1\n" for n in range(MAX_KEYS + 1)), f"{MAX_KEYS} keys"),
    "keys that are long together": (
        "? " + "k" * 300_000 + "\n:\n" + "".join(f"  a{n}: 1\n" for n in range(10)),
        "characters together",
    ),
    "tags that are declared": (
        "".join(f"%TAG !a{n}! b\n" for n in range(5000)) + "---\na: 1\n",
        "%TAG directives",
    ),
    "a huge file": ("a: b\n" + "#" * MAX_TEXT, f"more than {MAX_TEXT} bytes"),
    "a value that is not of its type": ("a: !!int ''\n", "no valid YAML"),
}


@pytest.mark.parametrize(("text", "reason"), OVER_LIMITS.values(), ids=OVER_LIMITS.keys())
def test_a_config_over_a_limit_is_a_fault_and_not_the_readers_death(tmp_path, text, reason):
    run = only_run(write_run(tmp_path / "0", text))
    assert (dict(run.config), run.state) == ({}, State.COMPLETED)
    assert run.faults[0].file == tmp_path / "0" / HYDRA_CONFIG
    assert reason in run.faults[0].reason


@pytest.mark.parametrize(
    "value",
    [
        "!sk-1234",
        "!it's-sk-1234 x",
        "*sk-1234",
        "!!int sk-1234",
        "!!float sk-1234",
        "!!bool sk-1234",
    ],
)
def test_a_config_that_is_no_yaml_is_named_without_what_stands_in_it(tmp_path, value):
    run = only_run(write_run(tmp_path / "0", f"lr: 0.1\npassword: {value}\n"))
    assert "no valid YAML" in run.faults[0].reason
    assert "1234" not in run.faults[0].reason


def test_an_alias_may_stand_twice_and_a_long_text_of_digits_is_a_text(tmp_path):
    config = parse_config(f"a: &a {{x: [1]}}\nb: *a\nc: *a\nname: '{'9' * 6000}'\n")
    assert config == {"a.x": (1,), "b.x": (1,), "c.x": (1,), "name": "9" * 6000}


def test_an_integer_that_no_float_holds_is_read_and_compared(tmp_path):
    runs = [run_with(str(job), lr=lr) for job, lr in enumerate([10**400, 1.5, -(10**400)])]
    assert [group.runs[0].name for group in groups(runs, [config_key("lr")])] == ["2", "1", "0"]
    assert parse_config("lr: 1" + "0" * 400) == {"lr": 10**400}


@pytest.mark.parametrize("file", [HYDRA_CONFIG, PROGRESS_CSV, STATUS_FILE])
def test_a_pipe_in_a_files_place_is_a_fault_and_not_waited_for(tmp_path, file):
    (tmp_path / "0" / file).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / "0" / file)
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    index.columns([run], ["step"])
    assert [str(fault) for fault in index.faults(run)] == [
        f"{tmp_path / '0' / file}: cannot be read: it is no regular file"
    ]


def test_a_broken_status_is_a_fault_and_leaves_the_config(tmp_path):
    directory = write_run(tmp_path / "0", {"lr": 1})
    (directory / STATUS_FILE).write_text('{"state": "comple')
    run = only_run(directory)
    assert (run.config["lr"], run.status, run.state) == (1, None, None)
    assert run.faults[0].file == directory / STATUS_FILE


def test_a_running_run_whose_process_is_gone_was_killed(tmp_path):
    directory = write_run(
        tmp_path / "0", {}, state=State.RUNNING, pid=os.getpid(), pid_start="an earlier boot"
    )
    assert only_run(directory).state is State.KILLED


@pytest.mark.parametrize("marker", [HYDRA_CONFIG, STATUS_FILE])
def test_a_config_or_a_status_makes_a_run(tmp_path, marker):
    (tmp_path / marker).parent.mkdir()
    assert indexed(tmp_path).snapshot.runs == ()
    (tmp_path / marker).touch()
    assert only_run(tmp_path).directory == tmp_path


def test_a_run_is_named_from_its_root_and_knows_its_sweep(tmp_path):
    run = write_run(tmp_path / "day" / "sweep" / "3", {})
    (tmp_path / "day" / "sweep" / SWEEP_FILE).touch()
    named = {root: only_run(root) for root in (tmp_path, run.parent, run)}
    assert [(found.name, found.sweep) for found in named.values()] == [
        ("day/sweep/3", "day/sweep"),
        ("3", "sweep"),
        ("3", "sweep"),
    ]
    assert only_run(write_run(tmp_path / "single", {})).sweep is None
