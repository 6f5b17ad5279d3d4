"""A sweep's jobs in the slots of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import OmegaConf

from exptools.launching.affinity.codes import AffinityError
from exptools.launching.affinity.on_machine import slots_of_code
from exptools.launching.cluster.earlier import StillOpen, take_from_agents
from exptools.launching.cluster.plan import PlanError
from exptools.launching.display.sweep_display import SweepDisplay
from exptools.launching.jobs.forking import opened_gpu_files
from exptools.launching.jobs.fresh import Starter
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.launching.jobs.running import threads_set_by_user
from exptools.launching.machine.gate import Gate
from exptools.launching.machine.leases import find_busy
from exptools.launching.machine.request import SlotError
from exptools.launching.machine.slots import Slot, make_slots, spare_cores, usable_part
from exptools.launching.machine.split import Split, divide_as_before
from exptools.launching.machine.topology import Machine, read_machine
from exptools.launching.sweep import run_jobs

from ._options import LauncherOptions, LaunchError
from ._place import SweepSetup
from ._starters import Starters
from ._sweep_dir import resume_command

_MANY = 1000  # jobs: more than there will be slots


class LocalPlace:
    """See `Place`: this machine, divided into slots."""

    _setup: SweepSetup
    _starters: Starters

    def __init__(self, options: LauncherOptions) -> None:
        """Refuse what this machine cannot give.

        Raises:
            LaunchError: the machine has no such slots.
        """
        self._options = options
        self._gpu_files = opened_gpu_files()  # by the program: from here on NVML opens some
        _refuse_what_cannot_fit(options)
        self._split: Split | None = None
        self._noted: set[str] = set()  # by earlier batches, too
        self._listed: list[str] = []  # the slots that were told last
        self._starter: Starter | None = None  # of all batches

    def prepare(self, setup: SweepSetup) -> None:
        """See `Place`.

        Raises:
            LaunchError: an agent on another machine runs jobs of this sweep, or will.
        """
        try:
            take_from_agents(setup.sweep_dir)
        except (StillOpen, PlanError) as error:
            raise LaunchError(str(error)) from error
        self._setup, self._split = setup, setup.earlier_split
        self._starters = Starters(
            setup.context,
            setup.task_function,
            setup.sweep_dir,
            self._gpu_files,
            setup.console,
            setup.note,  # the starter keeps it, but must not keep us
            setup.signals,
        )

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """See `Place`."""
        setup, request = self._setup, self._options.request
        machine = read_machine()
        slots = self._slots(machine, len(jobs))
        if self._starter is None:
            self._starter = self._starters.make(slots, warm=self._options.warm)
        part = usable_part(machine, request) if self._options.affinity is None else None
        spare = spare_cores(slots, part, request) if part else None
        listed = [str(slot) for slot in slots]  # once for all batches that have the same ones
        is_new, self._listed = listed != self._listed, listed
        display = SweepDisplay(
            jobs, slots, setup.sweep_dir, setup.console, spare=spare, list_slots=is_new
        )
        gate, policy = Gate(request, part), self._options.policy
        go_on = resume_command(setup.sweep_dir)
        setup.signals.check()
        return run_jobs(jobs, slots, self._starter, gate, display, policy, setup.console, go_on)

    def _slots(self, machine: Machine, jobs: int) -> Sequence[Slot]:
        for note in (*machine.notes, *threads_set_by_user(), *self._note_on_batches()):
            self._note_once(note)
        try:
            slots, notes = self._divide(machine, jobs)
        except (SlotError, AffinityError) as error:
            raise LaunchError(str(error)) from error
        for note in notes:
            self._note_once(note)
        self._split = Split.of_slots(slots)
        return slots

    def _divide(self, machine: Machine, jobs: int) -> tuple[Sequence[Slot], list[str]]:
        request, code, busy = self._options.request, self._options.affinity, find_busy()
        if code is None:
            return divide_as_before(
                lambda asked: make_slots(machine, asked, most=jobs, busy=busy),
                request,
                jobs,
                self._split,
            )
        slots, notes = slots_of_code(machine, code, jobs, request.gpu_ids)
        return slots, [*notes, *Split.of_slots(slots).notes(self._split)]

    def _note_on_batches(self) -> list[str]:
        size = OmegaConf.select(self._setup.config, "hydra.sweeper.max_batch_size")
        if size is None:
            return []
        return [f"with max_batch_size={size}, Hydra stops after a batch in which a job failed"]

    def _note_once(self, text: str) -> None:
        """Tell what each batch would tell again."""
        if text not in self._noted:
            self._noted.add(text)
            self._setup.note(text)


def _refuse_what_cannot_fit(options: LauncherOptions) -> None:
    """Refuse slots that this machine cannot have, however many jobs there will be."""
    machine, request, code = read_machine(), options.request, options.affinity
    try:
        if code is None:
            make_slots(machine, request, most=_MANY)
        else:
            slots_of_code(machine, code, _MANY, request.gpu_ids)
    except (SlotError, AffinityError) as error:
        raise LaunchError(f"hydra.launcher: {error}") from error
