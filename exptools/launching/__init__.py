"""Launch: jobs on their own CPU cores and GPUs, each in its own process.

The model: a Machine is divided into Slots (cores and GPUs that one job at a time may use). A Job
is one of the sweep's tasks; it runs in a slot, in a process of its own, and has an Outcome, which
the sweep reports and a resumed sweep finds again in the job's run directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exptools.lazy import lazy_attributes

if TYPE_CHECKING:
    from exptools.launching.machine.slots import current_slot

__all__ = ["current_slot"]

__getattr__ = lazy_attributes(__name__, {"current_slot": "exptools.launching.machine.slots"})
