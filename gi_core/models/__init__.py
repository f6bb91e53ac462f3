"""Networks: built, initialised, loaded, trained."""

from gi_core.models.build import build

__all__ = ["build"]
