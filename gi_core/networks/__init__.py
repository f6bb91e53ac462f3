"""Networks: built, initialised, loaded, trained."""

from gi_core.networks.batch_norm import set_batch_norm
from gi_core.networks.building import build

__all__ = ["build", "set_batch_norm"]
