"""Sample references to pictures, labels and class names. Importing this loads no torch."""

from gi_core.data.load import load
from gi_core.data.types import Pictures, SampleInfo

__all__ = ["Pictures", "SampleInfo", "load"]
