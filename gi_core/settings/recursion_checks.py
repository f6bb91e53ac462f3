"""Why a recursion cannot go through a network, said before anything runs. No torch."""

from __future__ import annotations

from gi_core.settings import residual_chain, spear_checks
from gi_core.settings.batch_attacks import Spear
from gi_core.settings.chain import Affine, Block, Residual, blocking
from gi_core.settings.closed_form_attacks import ClosedForm, Transformer
from gi_core.settings.graph import Dense
from gi_core.settings.transformer_checks import NO_TOKENS

BOTTLENECK = (
    "a recursion goes through the network as it is drawn, and PRECODE's random bottleneck is not in the drawing: choose"
    " gradient matching"
)
OWN_LOSS = "a recursion begins at a loss that it knows, and this one is your own: choose gradient matching"


def refusal(
    attack: type[ClosedForm], blocks: tuple[Block, ...], images: int, batch_norm: str = "eval", shared: bool = False
) -> str | None:
    """One sentence, or None. attack: settings class of a closed-form attack; blocks: `chain(graph)`; images: of the update;
    shared: whether batch norm's statistics are.
    """
    if attack is Transformer:
        return NO_TOKENS
    if attack is Spear:
        return spear_checks.refusal(blocks, images, batch_norm)
    if attack.pooled:
        return residual_chain.refusal(blocks, images, batch_norm, shared)
    last = blocks[-1] if blocks else None
    if not isinstance(last, Affine) or not isinstance(last.op, Dense):
        return "the recursion begins at a dense last layer, which this network does not have"
    reason = _dense_only(blocks) if attack.dense_only else _blocked(blocks, attack.through_masks)
    if reason:
        return reason
    if attack.reads_last_bias and not last.op.bias and any(b.reading == "mask" for b in blocks):
        return "the last layer has no bias, so dL/dlogits is not in the update: peeling through ReLU needs it"
    if batch_norm == "train" and any(_normed(b) for b in blocks):
        return "batch norm in train mode mixes all positions of a channel: choose client.batch_norm=eval"
    if images > 1 and not all(_dense(b) for b in blocks):
        return (
            f"a recursion through convolutions reads one picture, and this update is of {images}:"
            " choose one picture, or gradient matching"
        )
    return None


def first_biased(blocks: tuple[Block, ...]) -> int | None:
    """Place of the dense layer nearest the image that has a bias."""
    return next((i for i, b in enumerate(blocks) if isinstance(b, Affine) and b.op.bias), None)


def _blocked(blocks: tuple[Block, ...], masks: bool) -> str | None:
    stop = blocking(blocks[:-1], masks)
    return f"layer {stop[0]} cannot be inverted: {stop[1]}" if stop else None


def _dense_only(blocks: tuple[Block, ...]) -> str | None:
    other = next((b for b in blocks if not _dense(b)), None)
    if other is not None:
        return (
            f"layer {other.name} is not dense: analytic recovery goes through dense layers only, choose R-GAP or"
            " peeling for convolutions"
        )
    biased = first_biased(blocks)
    if biased is None:
        return "no dense layer has a bias, so dL/dz is not in the update: choose R-GAP"
    return _blocked(blocks[: biased + 1], True)


def _dense(block: Block) -> bool:
    return isinstance(block, Affine) and isinstance(block.op, Dense)


def _normed(block: Block) -> bool:
    parts = (*block.main, block.skip) if isinstance(block, Residual) else (block,)
    return any(isinstance(p, Affine) and p.batch_norm for p in parts)
