import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from exptools.viewing.cli.dash import main
from exptools.viewing.readers.unread import read_formats
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
    output, errors = process.communicate(timeout=60)
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


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["output"], 2, "there is no directory output; did you mean outputs?"),
        (["sweeps/outputs"], 2, "there is no directory sweeps/outputs; Hydra keeps sweeps in "
         "sweeps/multirun, unless hydra.sweep.dir says otherwise"),
        (["nowhere/outputs"], 2, "there is no directory nowhere/outputs"),
        (["file"], 2, "file is a file; give the directory that has the runs in it"),
        (["empty"], 1, f"no runs in empty: a run is {read_formats()}"),
        ([], 2, "there is no outputs/ and no multirun/ in this directory; give the directory "
         "that has the runs in it"),
    ],
)  # fmt: skip
def test_a_directory_that_cannot_be_shown_is_named_in_one_sentence(
    tmp_path, monkeypatch, capsys, given, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("multirun", "outputs_of_others"):
        (tmp_path / "sweeps" / name).mkdir(parents=True)
    if given:
        (tmp_path / "outputs").mkdir()
    assert main(given) == code
    assert capsys.readouterr() == ("", f"exptools-dash: {message}\n")


@pytest.mark.parametrize("there", [["outputs"], ["multirun"], ["outputs", "multirun"]])
def test_without_a_directory_hydras_own_ones_are_shown(tmp_path, start, monkeypatch, there):
    monkeypatch.chdir(tmp_path)
    for name in there:
        write_run(tmp_path / name / "0", {})
    _, line = start("--port", "0")
    assert line.startswith(f"runs in {', '.join(there)}: http://")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(port, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--port", port])
    assert exit_.value.code == 2
    assert repr(port) in capsys.readouterr().err


def test_without_the_extra_there_is_help_and_a_sentence_that_says_how_to_install_it(tmp_path):
    write_run(tmp_path / "0", {})
    missing = [sys.executable, "-c", "import sys; sys.modules['dash'] = None; " + COMMAND]
    ended = subprocess.run([*missing, tmp_path], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "exptools-dash needs dash, which is not installed: pip install 'hydra-exptools[dash]'"
    )
    assert b"--port" in subprocess.run([*missing, "--help"], capture_output=True, check=True).stdout


@pytest.mark.parametrize("use", ["import exptools.viewing", COMMAND.replace("main()", "0")])
def test_nothing_heavy_is_loaded_before_it_is_needed(use):
    code = (
        f"import sys\ntry:\n    exec({use!r})\nexcept SystemExit: pass\n"
        "print(*{'dash', 'plotly', 'polars', 'numpy', 'yaml', 'hydra'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
