"""Attacks that read a layer which a server put in front of the network, as settings."""

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
    title: ClassVar[str] = "Bins of pixels"
    description: ClassVar[str] = (
        "Divides what neighbouring rows of a server's layer of bins differ by: each picture that is alone in its bin, exactly, from any"
        " network and any batch. It needs a server that put such a layer there."
    )
    paper: ClassVar[str] = (
        "Fowl et al., Robbing the Fed: Directly Obtaining Private Data in Federated Learning, ICLR 2022"
    )
    link: ClassVar[str] = "https://arxiv.org/abs/2110.13057"

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        return "it reads the size of noise off the update itself, whatever is known of a defense"
