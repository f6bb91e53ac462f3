"""Sample references to pictures, labels and class names. Importing this loads no torch."""

from gi_core.data.loading import load
from gi_core.data.offers import browser_allowed, catalogue
from gi_core.data.pool import candidates
from gi_core.data.public import public_pictures
from gi_core.data.training import training_set
from gi_core.data.types import Pictures, SampleInfo

__all__ = [
    "Pictures", "SampleInfo", "browser_allowed", "candidates", "catalogue", "load", "public_pictures", "training_set",
]  # fmt: skip
