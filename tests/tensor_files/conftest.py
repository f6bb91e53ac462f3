"""No file may keep a reader busy."""

from __future__ import annotations

import resource

import pytest


@pytest.fixture(autouse=True)
def seconds():
    """No reading of this file may take the processor long, in this process or in a child."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    yield
    after = resource.getrusage(resource.RUSAGE_SELF).ru_utime + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert after - before < 60
