"""Networks: built, initialised, loaded, trained."""

from gi_core.models.batch_norm import set_batch_norm
from gi_core.models.build import build

__all__ = ["build", "set_batch_norm"]
