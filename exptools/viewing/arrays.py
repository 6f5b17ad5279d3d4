"""The arrays that the viewer's rooms hand to each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Series = tuple[Floats, Floats]  # x and y of one run, of one length, in any order of x
