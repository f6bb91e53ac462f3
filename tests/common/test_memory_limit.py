"""A ceiling on memory while a file is read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gi_core.common.memory_limit import memory_limit


def test_a_file_that_wants_too_much_memory_is_refused():
    """In a process of its own: what earlier tests left free in this one would be given out again."""
    program = """
import numpy as np
from gi_core.common.errors import SpecError
from gi_core.common.memory_limit import memory_limit
try:
    with memory_limit(2**26):
        np.ones(2**28, np.uint8)
except SpecError as error:
    assert "memory" in str(error)
    assert np.ones(2**28, np.uint8).nbytes == 2**28
else:
    raise AssertionError("it was given")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    with pytest.raises(ZeroDivisionError), memory_limit():
        _ = 1 / 0
