"""Say which packages of this environment have another version than a file of constraints.

python .ci/newer.py .ci/constraints.txt
"""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name


def main() -> None:
    """Print a line for each: name, pinned version, version here."""
    pins = read_pins(Path(sys.argv[1]))
    here = {canonicalize_name(found.name): found.version for found in distributions()}
    rows = [
        (name, str(pin.specifier)[2:], here[name])
        for name, pin in sorted(pins.items())
        if name in here and not pin.specifier.contains(here[name], prereleases=True)
    ]
    unpinned = sorted(here.keys() - pins.keys() - {"hydra-exptools"})
    rows += [(name, "none", here[name]) for name in unpinned]
    print(f"other versions than in {sys.argv[1]} (name, pinned, here): {len(rows)}")
    for name, pinned, newest in rows:
        print(f"  {name:30} {pinned:20} {newest}")


def read_pins(file: Path) -> dict[NormalizedName, Requirement]:
    """The pins that count for this Python and system, by the package's name."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {
        canonicalize_name(pin.name): pin
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


if __name__ == "__main__":
    main()
