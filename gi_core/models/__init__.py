"""Networks: built, initialised, loaded, trained."""

from gi_core.models.batch_norm import set_batch_norm
from gi_core.models.building import build
from gi_core.models.preparing import prepare

__all__ = ["build", "prepare", "set_batch_norm"]
