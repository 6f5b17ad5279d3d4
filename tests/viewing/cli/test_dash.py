import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from exptools.viewing.cli.dash import main
from tests.viewing.samples import write_run, write_sweep

COMMAND = "import sys; from exptools.viewing.cli.dash import main; sys.exit(main())"


@pytest.fixture
def start():
    """exptools-dash as a process of its own, and the first line that it prints."""
    started = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_it_says_where_it_serves_and_ends_at_ctrl_c(start, tmp_path):
    process, line = start(str(write_sweep(tmp_path / "outputs")), "--port", "0")
    address = re.fullmatch(r"runs in .*outputs: (http://127\.0\.0\.1:\d+/) \(.*\)\n", line)[1]
    assert "exptools" in urllib.request.urlopen(address).read().decode()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=5)
    assert (process.returncode, output, errors) == (0, "", "")


def test_a_taken_port_moves_on_to_a_free_one_and_says_so(start, tmp_path):
    run = write_run(tmp_path / "outputs" / "0", {})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process, line = start(str(run), "--port", str(port))
        served = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
    assert served > port
    assert line.startswith("runs in ")
    process.kill()
    assert f"port {port} is taken, {served} is not" in process.communicate()[1]


def test_a_missing_directory_is_named_with_the_one_that_was_meant(tmp_path, capsys):
    (tmp_path / "outputs").mkdir()
    assert main([str(tmp_path / "output")]) == 2
    out, err = capsys.readouterr()
    assert err == (
        f"exptools-dash: there is no directory {tmp_path / 'output'}; "
        f"did you mean {tmp_path / 'outputs'}?\n"
    )
    assert out == ""


def test_a_missing_directory_without_a_likely_one_is_named_alone(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere" / "outputs")]) == 2
    assert capsys.readouterr().err.endswith(f"no directory {tmp_path / 'nowhere' / 'outputs'}\n")


@pytest.mark.parametrize("there", [["outputs"], ["multirun"], ["outputs", "multirun"]])
def test_without_a_directory_hydras_own_ones_are_shown(tmp_path, start, monkeypatch, there):
    monkeypatch.chdir(tmp_path)
    for name in there:
        write_run(tmp_path / name / "0", {})
    _, line = start("--port", "0")
    assert line.startswith(f"runs in {', '.join(there)}: http://")


def test_without_a_directory_where_hydra_wrote_nothing_one_is_asked_for(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "exptools-dash: there is no outputs/ and no multirun/ in this directory; "
        "give the directory that has the runs in it\n"
    )


def test_a_file_is_not_a_directory_of_runs(tmp_path, capsys):
    (tmp_path / "progress.csv").touch()
    assert main([str(tmp_path / "progress.csv")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_a_directory_without_runs_says_what_a_run_is(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path) in error
    assert "a directory that has .hydra/config.yaml or .exptools/status.json or" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(port, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--port", port])
    assert exit_.value.code == 2
    assert repr(port) in capsys.readouterr().err


def test_without_the_extra_one_sentence_says_how_to_install_it(tmp_path):
    write_run(tmp_path / "0", {})
    missing = "import sys; sys.modules['dash'] = None; " + COMMAND
    ended = subprocess.run(
        [sys.executable, "-c", missing, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "exptools-dash needs dash, which is not installed: pip install 'hydra-exptools[dash]'"
    )


@pytest.mark.parametrize("use", ["import exptools.viewing", COMMAND.replace("main()", "0")])
def test_nothing_heavy_is_loaded_before_it_is_needed(use):
    code = (
        f"import sys\ntry:\n    exec({use!r})\nexcept SystemExit: pass\n"
        "print(*{'dash', 'plotly', 'polars', 'numpy', 'yaml', 'hydra'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


def test_help_is_there_without_the_extra():
    missing = "import sys; sys.modules['dash'] = None; " + COMMAND
    ended = subprocess.run(
        [sys.executable, "-c", missing, "--help"],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert "--port" in ended.stdout
