"""Attacks that take a whole batch apart by algebra, as settings."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.closed_form_attacks import ClosedForm
from gi_core.settings.defense_base import Perturbation


class Spear(ClosedForm):
    kind: Literal["spear"] = "spear"
    through_masks: ClassVar[bool] = True
    walks: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    machine: ClassVar[str] = "recursion.spear.machine:SpearMachine"
    title: ClassVar[str] = "SPEAR"
    description: ClassVar[str] = (
        "Tells all pictures of a batch apart exactly, where a dense layer with ReLU reads them: by which of its units are off"
        " for which picture. It allows for any steps of SGD."
    )
    paper: ClassVar[str] = (
        "Dimitrov et al., SPEAR: Exact Gradient Inversion of Batches in Federated Learning, NeurIPS 2024"
    )
    link: ClassVar[str] = "https://arxiv.org/abs/2403.03945"

    engine: Literal["auto", "sampling", "irls"] = setting(
        "auto",
        "How directions are proposed. sampling: null vectors of a few rows, exponential in the batch. irls: sparse vectors by"
        " reweighting, for batches of 24 and more. auto: the one that fits the batch first, then the other.",
        title="Engine", basic=True, added=True,
    )  # fmt: skip
    batch: int | None = setting(
        None, "Pictures to look for; empty: as many as the rank shows. Fewer where the network is sure of the others.",
        title="Pictures looked for", ge=1, le=256, basic=True, added=True,
    )  # fmt: skip
    proposals: int = setting(
        400_000, "Most proposals of sampling. It ends as soon as the masks fit.", title="Proposals", ge=1000, le=2_000_000_000,
        added=True,
    )  # fmt: skip
    starts: int = setting(
        4000, "Most starts of reweighting.", title="Starts of reweighting", ge=32, le=10_000_000, added=True
    )
    inversion: int = setting(
        400, "Iterations for each picture behind convolutions, where its features are known exactly.",
        title="Feature inversion", ge=10, le=100_000, added=True,
    )  # fmt: skip

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        return "it reads the size of noise off the update itself, whatever is known of a defense"
