"""Attacks that read what a server prepared in the network that it sent, as settings."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.closed_form_attacks import ClosedForm
from gi_core.settings.defense_base import Perturbation


class ReadBins(ClosedForm):
    kind: Literal["imprint"] = "imprint"
    walks: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    reads_loss: ClassVar[bool] = False
    machine: ClassVar[str] = "recursion.imprint.machine:BinReader"
    title: ClassVar[str] = "Prepared rows"
    description: ClassVar[str] = (
        "Reads pictures off rows that a server prepared: each picture that is alone in a bin, or behind a trap, exactly, of any batch and"
        " with its label. It needs a server that did so."
    )
    paper: ClassVar[str] = (
        "Fowl et al., Robbing the Fed: Directly Obtaining Private Data in Federated Learning, ICLR 2022"
    )
    link: ClassVar[str] = "https://arxiv.org/abs/2110.13057"

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        return "it reads the size of noise off the update itself, whatever is known of a defense"
