"""Predicted error against the error of a real attack, unclamped, with the noise that was drawn (slow).

The procedure, and what is left out by which rule, is that of `benchmarks.calibration`.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration import SIGMAS, measured, predicted
from gi_core.numerics.spectrum import LINEAR, PRIOR

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_attack_measures_what_was_predicted(shared_data, gi_home, sigma):
    indices = range(4)  # of MNIST: each costs half a minute, and the suite has to end
    pairs = []
    for i in indices:
        unit, second = predicted(shared_data, "mnist", i)
        if sigma * unit < PRIOR and second[sigma] <= LINEAR:
            pairs.append((sigma * unit, measured(shared_data, "mnist", i, sigma)))
    found = np.array(pairs)
    off = np.abs(found[:, 1] / found[:, 0] - 1)
    assert len(off) >= 0.7 * len(indices)
    assert np.median(off) <= 0.05 and off.max() <= 0.15
