"""A few hundred kB take seconds at most, however they are made, and the other runs are seen."""

import json
import os
import subprocess
import sys

import pytest

from exptools.rundir import State
from tests.viewing.metrics.test_event_reader import Event, SessionLog, scalar, write
from tests.viewing.samples import write_run

# In as much time and memory as a hundred times as many plain runs take.
BOUNDED = """
import resource, sys
from pathlib import Path
from exptools.viewing.groups.variation import varying
from exptools.viewing.index import Index
resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))
used = resource.getrusage(resource.RUSAGE_SELF)
spent = int(used.ru_utime + used.ru_stime)
resource.setrlimit(resource.RLIMIT_CPU, (spent + 15, spent + 15))
index = Index([Path(sys.argv[1])], cache=False)
index.refresh()
varying(index.snapshot.runs)
index.columns(index.snapshot.runs, ["loss"])
print(*(run.name for run in index.snapshot.runs), sep="; ")
print(*(str(fault) for run in index.snapshot.runs for fault in index.faults(run)), sep="\\n")
"""
DOTS = "a." * 300_000 + "a"
OF_OVERRIDES = {
    "many": [f"+a{number}=1" for number in range(150_000)],
    "deep": [f"{DOTS}=1"],
    "wide": [f"{'a' * 2000}{number}={{{'b: 1,' * 300}c: 1}}" for number in range(600)],
}
OF_CONFIGS = {
    "reference": f"x: ${{{DOTS}}}\n",
    "dotted": f"? {DOTS}\n: 1\nx: ${{nothere}}\n",
    "word": f"api_key: abcdefgh\nx: '= {'a' * 500_000}'\n",
    "secrets": "".join(f"api_key{number}: secret{number}\n" for number in range(2500))
    + f"x: [{','.join(f'text{number}' for number in range(40_000))}]\n",
    "made of each other": "".join(
        f"token_secret{n + 1:02}_secret{n + 1:02}: secret{n:02}\n" for n in range(40)
    )
    + "x: secret00\n",
    "long key": f"? token_{'a' * 400_000}\n: secre1\nx: {'secre1' * 60_000}\n",
    "object": f"? <{'a ' * 250_000}\n: 1\n",
}


@pytest.mark.slow
def test_what_is_long_deep_or_many_takes_no_more_than_its_size(tmp_path):
    for name, overrides in OF_OVERRIDES.items():
        run = tmp_path / name / ".exptools"
        run.mkdir(parents=True)
        status = {"state": State.COMPLETED.value, "version": 1, "host": "h", "overrides": overrides}
        (run / "status.json").write_text(json.dumps(status))
    write_run(tmp_path / "command", {}, command=(f"x= {'a' * 500_000}",))
    digits = write_run(tmp_path / "digits", {})
    (digits / "log.csv").write_text(f"step,loss\n{'1' * 60_000}x,1\n")
    marks = [Event(step=step, session_log=SessionLog(status=1)) for step in range(40_000)]
    write(tmp_path / "restarts", *marks, *(scalar(f"tag{n}", 50_000, n) for n in range(4000)))
    for name, config in OF_CONFIGS.items():
        write_run(tmp_path / name, config)
    for version in range(300):
        attempt = tmp_path / "versions" / "lightning_logs" / f"version_{version}"
        attempt.mkdir(parents=True)
        keys = (f"k{version}x{number}: 1\n" for number in range(500))
        (attempt / "hparams.yaml").write_text("".join(keys))
        (attempt / "metrics.csv").write_text("step,loss\n0,1\n")
    write_run(tmp_path / "versions", {"lr": 0.1})
    for number in range(30):
        state = write_run(tmp_path / f"holes{number}", {}) / "trainer_state.json"
        state.touch()
        os.truncate(state, 2**28)
    write_run(tmp_path / "good", {"lr": 0.1})
    command = [sys.executable, "-c", BOUNDED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = done.stdout.splitlines()
    assert {"good", "versions", *OF_OVERRIDES, *OF_CONFIGS} <= set(found[0].split("; "))
    assert "deep/.exptools/status.json: keys of more than 100 parts are not read" in done.stdout
    assert "many/.exptools/status.json: a config of more than" in done.stdout
