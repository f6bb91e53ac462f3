"""What tests of pages share."""

from __future__ import annotations

import pytest

from pages.influence import checking, evidence


@pytest.fixture(autouse=True)
def forget():
    """What the pages keep of pictures and spectra belongs to one test."""
    for kept in (evidence._read, evidence._kept, evidence._unit, checking._points):
        kept.clear()
