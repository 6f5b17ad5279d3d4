"""A chart that the server paints."""

import warnings

import numpy as np

from exptools.viewing.app.painted import picture


def test_the_largest_numbers_have_their_places_without_overflow():
    axis = picture._Axis(-1e308, 1e308, log=False, title="", dates=False, marks=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        places = axis.places(np.array([-1e308, 0, 1e308]))
    assert places.tolist() == [0, picture.UNITS / 2, picture.UNITS]
