"""How a sweep's jobs shared the machine, so that those that come later get the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from exptools.launching.machine.request import Request, SlotError
from exptools.launching.machine.slots import Slot
from exptools.rundir import Status


@dataclass(frozen=True)
class Split:
    """What each job had, and how many of them ran at once."""

    jobs: int
    threads: int  # physical cores, so also the size of its thread pools
    gpus: int

    @classmethod
    def of_slots(cls, slots: Sequence[Slot]) -> Split:
        """The split that these slots are; they are alike."""
        return cls(len(slots), slots[0].threads, len(slots[0].gpus))

    @classmethod
    def of_runs(cls, statuses: Sequence[Status]) -> Split | None:
        """The split in which most of these runs were; None if none of them says."""
        shares = Counter(
            (status.threads, len(status.gpus)) for status in statuses if status.threads
        )
        if not shares:
            return None
        (threads, gpus), _ = shares.most_common(1)[0]
        slots = {one.slot for one in statuses if (one.threads, len(one.gpus)) == (threads, gpus)}
        return cls(len(slots), threads or 1, gpus)

    def notes(self, before: Split | None) -> list[str]:
        """What to say if each job gets something else than those before."""
        if before is None or (self.threads, self.gpus) == (before.threads, before.gpus):
            return []
        return [
            f"each job gets {self.share} now, where this sweep's earlier jobs had {before.share}: "
            "their results can differ"
        ]

    @property
    def share(self) -> str:
        """What one job has, in words."""
        cores = "1 core" if self.threads == 1 else f"{self.threads} cores"
        gpus = {0: "", 1: " and 1 GPU"}.get(self.gpus, f" and {self.gpus} GPUs")
        return f"{cores}{gpus}"


def divide_as_before(
    divide: Callable[[Request], tuple[Slot, ...]], request: Request, most: int, before: Split | None
) -> tuple[tuple[Slot, ...], list[str]]:
    """Slots in which a job has as many cores as the sweep's earlier ones, and what to say of it.

    Other thread counts give other sums. What the user asks for wins, though, and so do more slots
    than there were for more jobs than those, where the same cores for each would leave fewer.

    Raises:
        SlotError: the request cannot be met on this machine.
    """
    slots = divide(request)
    now = Split.of_slots(slots)
    if before is None or request.cpus_per_job is not None or now.threads == before.threads:
        return slots, now.notes(before)
    try:
        same = divide(replace(request, cpus_per_job=before.threads))
    except SlotError:  # another machine
        return slots, now.notes(before)
    if most > before.jobs and len(same) < len(slots):
        return slots, now.notes(before)
    share = Split.of_slots(same).share
    return same, [
        f"each job gets {share}, as this sweep's earlier jobs had "
        "(hydra.launcher.cpus_per_job changes that)"
    ]
