"""The settings of a gradient matching, those that its kind leaves out included."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from gi_core.settings.attacks import Matching
from gi_core.settings.fl_attacks import FlGradientInversion


@dataclass(frozen=True)
class Options:
    """Every setting that the loop and its problem read; see `settings.attacks` and `settings.fl_attacks`. decay: `steps`,
    `cosine` or `none`. small_gradients: `published` or `observed_delta`. rounded: total variation without kinks.
    """

    kind: str
    labels: str
    start: str
    trials: int
    iterations: int
    learning_rate: float
    precision: str
    rounds: str = "auto"
    epochs_order: str = "same"
    parametrisation: str = "pixels"
    generator: str | None = None
    objective: str = "l2"
    tensors: str = "all"
    weighting: str = "equal"
    gradient_weight: float = 1.0
    total_variation: float = 0.0
    rounded: bool = False
    variation_norms: float = 0.0
    image_norm: float = 0.0
    batch_norm_weight: float = 0.0
    batch_norm_distance: str = "relative"
    batch_norm_network: str = "global"
    batch_norm_variance: str = "unbiased"
    classification_weight: float = 0.0
    classification: str = "fixed"
    group_weight: float = 0.0
    register_group: bool = True
    network_input: str = "normalised"
    optimiser: str = "adam"
    betas: str = "standard"
    decay: str = "none"
    noise: float = 0.0
    signed: bool = False
    boxed: bool = False
    filter: str = "none"
    scoring: str = "loss"
    small_gradients: str = "published"
    inner: int = 20
    history: int = 100
    stop_loss: float = 0.0
    restarts: int | None = None

    @property
    def searching(self) -> bool:
        """Whether this is DLG's search: L-BFGS until the gradient is matched."""
        return self.kind in ("dlg", "idlg")

    @property
    def second_order(self) -> bool:
        return self.searching or self.optimiser == "lbfgs"


def options(settings: Matching, batch_norms: int = 0) -> Options:
    """What these settings mean for a network of so many batch norms that take the batch's own statistics."""
    if isinstance(settings, FlGradientInversion):
        settings = settings.settled(batch_norms)
    values: dict[str, Any] = {f.name: getattr(settings, f.name) for f in fields(Options) if hasattr(settings, f.name)}
    if values.get("small_gradients") == "auto":
        values["small_gradients"] = "published" if settings.trials == 1 else "observed_delta"
    if isinstance(values.get("decay"), bool):
        values["decay"] = "steps" if values["decay"] else "none"
    if settings.parametrisation in ("deep_image_prior", "generator"):
        # A sign and a box are for pixels, and so is their step size.
        values |= {"signed": False, "boxed": False, "learning_rate": settings.learning_rate / 10}
        values |= {"learning_rate": settings.learning_rate} if settings.kind in ("dlg", "idlg") else {}
    return Options(**values)
