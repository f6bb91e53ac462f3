"""Sample references to pictures, labels and class names. Importing this loads no torch."""

from gi_core.data.candidates import candidates
from gi_core.data.catalogue import browser_allowed, catalogue
from gi_core.data.fetch import fetch, fetchable
from gi_core.data.load import load
from gi_core.data.training import training_set
from gi_core.data.types import Pictures, SampleInfo

__all__ = [
    "Pictures", "SampleInfo", "browser_allowed", "candidates", "catalogue", "fetch", "fetchable",
    "load", "training_set",
]  # fmt: skip
