"""Public path of the slots; ``python -m exptools.launching.slots`` prints them, as before."""

from exptools.launching.machine.request import SlotError
from exptools.launching.machine.slots import Slot, current_slot, make_slots

__all__ = ["Slot", "SlotError", "current_slot", "make_slots"]

if __name__ == "__main__":
    import sys

    from exptools.launching.__main__ import main

    sys.exit(main(sys.argv[1:]))
