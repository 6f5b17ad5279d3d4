"""A real Slurm on this host: munge, a controller and some nodes, on loopback, without systemd.

It cannot show several hosts, control groups or real GPUs: all nodes share this host's cores, and
their GPUs are names of devices that are not there.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

PROGRAMS = ("unshare", "munged", "slurmctld", "slurmd", "srun", "sbatch")

_CONF = """
ClusterName=exptools
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={base}/munge/socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool.%n
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.%n.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin={tasks}
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=30
MessageTimeout=3
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
MinJobAge=300
Waittime=0
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=200
MaxArraySize={largest_array}
JobRequeue=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
GresTypes=gpu
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
_NODE = (
    "NodeName=n{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} Boards=1 "
    "SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory=4000 "
    "Gres=gpu:fake:{gpus} State=UNKNOWN\n"
)


class Cluster:
    """Nodes ``n0``, ``n1`` …, each with so many CPUs and GPUs; n0 does not see `unseen`."""

    def __init__(self, base: Path, nodes: int, cpus: int, gpus: int, largest_array: int) -> None:
        self.base = base
        self._slurmds: dict[str, subprocess.Popen[bytes]] = {}  # by node
        self._dead: list[str] = []
        self.nodes = [f"n{n}" for n in range(nodes)]
        host, ports = socket.gethostname().partition(".")[0], _free_ports(nodes + 1)
        # More CPUs than the host has cannot be bound.
        tasks = "task/affinity" if cpus <= len(os.sched_getaffinity(0)) else "task/none"
        words = {"host": host, "port": ports[0], "base": base, "tasks": tasks}
        text = _CONF.format(**words, largest_array=largest_array)
        text += "".join(
            _NODE.format(n=n, host=host, port=ports[n + 1], cpus=cpus, gpus=gpus)
            for n in range(nodes)
        )
        self.unseen = base / "unseen"
        for name in ("munge", "state", "gpus", "unseen"):
            (base / name).mkdir()
        (base / "munge").chmod(0o711)
        (base / "slurm.conf").write_text(text)
        for gpu in range(gpus):
            # Slurm counts GPUs by their device's number; nobody opens these.
            os.mknod(base / "gpus" / f"nvidia{gpu}", 0o600 | stat.S_IFCHR, os.makedev(195, gpu))
        (base / "gres.conf").write_text(f"Name=gpu Type=fake File={base}/gpus/nvidia[0-{gpus - 1}]")
        (base / "cgroup.conf").write_text("CgroupAutomount=no\nCgroupPlugin=cgroup/v1\n")
        os.environ["SLURM_CONF"] = str(base / "slurm.conf")

    def start(self) -> None:
        key = self.base / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        options = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
        options |= {"seed-file": "seed"}
        subprocess.run(
            ["munged", *(f"--{k}={self.base}/munge/{v}" for k, v in options.items())], check=True
        )
        self.start_controller()
        for node in self.nodes:
            self._start_node(node)
        self.wait_until(self._all_are_idle)

    def _start_node(self, node: str) -> None:
        command = ["slurmd", "-D", "-f", str(self.base / "slurm.conf"), "-N", node]
        if node == self.nodes[0]:
            hide = 'mount -t tmpfs none "$0" && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", hide, str(self.unseen), *command]
        with (self.base / f"slurmd.{node}.out").open("ab") as output:
            self._slurmds[node] = subprocess.Popen(command, stdout=output, stderr=output)

    def _all_are_idle(self) -> bool:
        return self.ask("sinfo", "-h", "-t", "idle", "-o", "%D") == str(len(self.nodes))

    def start_controller(self) -> None:
        subprocess.run(["slurmctld", "-f", self.base / "slurm.conf"], check=True)

    def stop_controller(self) -> None:
        self._end(self.base / "slurmctld.pid")

    def kill_node(self, node: str) -> None:
        """End all that runs on a node, as a power cut does, and have the controller know at once.

        It would need ten seconds to see it by itself.
        """
        self._slurmds[node].kill()
        self._slurmds[node].wait()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                environment = process.environ()
                if environment.get("SLURMD_NODENAME") != node or not self._is_ours(environment):
                    continue
                above = [one for one in process.parents() if one.name().startswith("slurmstepd")]
                for one in (*above, process):
                    one.kill()
        self.ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        self._dead.append(node)

    def _is_ours(self, environment: dict[str, str]) -> bool:
        return environment.get("SLURM_CONF") == str(self.base / "slurm.conf")

    def stop(self) -> None:
        """End the daemons that `start` has started."""
        self.ask("scancel", "-u", "root")
        with suppress(AssertionError):  # else what runs for the jobs outlives its daemon
            self.wait_until(lambda: not self.ask("squeue", "-h"), seconds=5)
        for slurmd in self._slurmds.values():
            slurmd.kill()  # asked to end, one may wait for a minute for steps that are gone
        for slurmd in self._slurmds.values():
            slurmd.wait()
        self._end(self.base / "slurmctld.pid", self.base / "munge" / "pid")
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                # It writes its title over where its environment begins, for psutil all of it.
                text = Path(f"/proc/{process.pid}/environ").read_bytes()
                ours = f"SLURM_CONF={self.base}/slurm.conf\0".encode() in text
                if ours and process.name().startswith("slurmstepd"):
                    process.kill()

    def ask(self, *command: str) -> str:
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()

    def revive(self) -> None:
        """Have all nodes idle and no job left, for the next test."""
        self.ask("scancel", "-u", "root")
        while self._dead:
            self._start_node(self._dead.pop())
        self.wait_until(self._resumed)

    def _resumed(self) -> bool:
        """Whether all nodes are idle; where one is not, it is asked for, until it has come back."""
        if self._all_are_idle():
            return True
        for node in self.nodes:
            self.ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
        return False

    def wait_until(self, condition: Callable[[], object], *, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self._troubles()
            time.sleep(0.1)

    def _troubles(self) -> str:
        logs = [path.read_text()[-2000:] for path in self.base.glob("*.log")]
        return "\n".join([self.ask("sinfo", "-N"), self.ask("squeue", "-t", "all"), *logs])

    def _end(self, *pid_files: Path) -> None:
        pids = [self._signal(pid_file, signal.SIGTERM) for pid_file in pid_files]
        deadline = time.monotonic() + 20
        for pid in filter(None, pids):
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.02)

    def _signal(self, pid_file: Path, signum: int) -> int | None:
        with suppress(OSError, ValueError):
            pid = int(pid_file.read_text())
            os.kill(pid, signum)
            return pid
        return None


def missing_program() -> str | None:
    """What a host lacks to be such a cluster."""
    if os.geteuid() != 0:
        return "slurmd needs root"
    return next((name for name in PROGRAMS if shutil.which(name) is None), None)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
