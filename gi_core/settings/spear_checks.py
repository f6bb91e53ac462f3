"""Where SPEAR finds a layer to read, and what it says of a batch before anything runs. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from gi_core.settings import spear_bounds as bounds
from gi_core.settings.batch_attacks import Spear
from gi_core.settings.chain import Affine, Block, Residual
from gi_core.settings.client import FedAvg
from gi_core.settings.experiment import Experiment
from gi_core.settings.graph import Dense
from gi_core.settings.transformer_checks import Stepping

Found = tuple[str, str, bool]
"""(field, reason, whether it refuses)."""

MASKS = ("relu", "relu6")


def layer(blocks: tuple[Block, ...]) -> Affine | str:
    """The dense layer nearest the pictures that ReLU follows, or why there is none."""
    dense = [b for b in blocks if isinstance(b, Affine) and isinstance(b.op, Dense)]
    for block in dense:
        if block.activation is not None and block.activation.kind in MASKS:
            return block
    other = next((b for b in dense[:-1] if b.activation is not None), None)
    if other is not None and other.activation is not None:
        return (
            f"layer {other.name} is followed by {other.activation.kind}, which switches no unit off, and only units that are off"
            " tell the pictures of a batch apart: choose ReLU, or gradient matching"
        )
    return (
        "SPEAR reads a dense layer with ReLU, which this network does not have: no ReLU follows its last layer, and the"
        " gradient of layer "
        f"{blocks[0].name if blocks else 'input'} and other convolutions mixes all places of all pictures: choose gradient matching"
    )


def direct(blocks: tuple[Block, ...], found: Affine) -> bool:
    """Whether the pictures themselves enter the layer."""
    return bool(blocks) and blocks[0] is found


def refusal(blocks: tuple[Block, ...], images: int, batch_norm: str = "eval") -> str | None:
    """One sentence, or None. blocks: `chain(graph)`."""
    found = layer(blocks)
    if isinstance(found, str):
        return found
    if batch_norm == "train" and any(_normed(b) for b in blocks):
        return (
            "batch norm in train mode makes each picture's gradient depend on all others: choose client.batch_norm=eval"
        )
    if not direct(blocks, found) and not (found.op.bias or found.batch_norm):
        return (
            f"layer {found.name} has no bias, so the features behind the convolutions come back without their size, and no"
            " picture is searched from them: choose gradient matching"
        )
    units, inputs = found.shape[0], prod(found.input_shape)
    if images > min(units, inputs):
        return (
            f"layer {found.name} has {units} units and {inputs} inputs, so the rank of its gradient is full before {images} pictures"
            " are told apart: choose fewer pictures or a wider layer"
        )
    if bounds.narrow(units, images):
        return (
            f"about {bounds.zeros(units)} of the {units} units of layer {found.name} are off for a picture, and {images} pictures need"
            f" {images + bounds.SPARE}: choose fewer pictures or a wider layer"
        )
    return None


def of_batches(blocks: tuple[Block, ...]) -> tuple[str, ...]:
    """What rank analysis says of batches: how many pictures a layer tells apart, and what that takes. Nothing where it cannot."""
    found = layer(blocks)
    if isinstance(found, str) or refusal(blocks, 2) is not None:
        return ()
    most = bounds.most(found.shape[0], prod(found.input_shape))
    takes = ", ".join(f"{bounds.written(bounds.proposals(b))} proposals for {b}" for b in (4, 8, 16, 24) if b <= most)
    what = "all pictures" if direct(blocks, found) else "the features of all pictures"
    words = f"Layer {found.name}, with ReLU, gives {what} of a batch exactly (SPEAR), of {most} at the most"
    words += f"; sampling takes about {takes}" if takes else ""
    late = bounds.infeasible_from()
    return (words + (f", and from {late} on only reweighting is left." if most >= late else "."),)


def said(e: Experiment, blocks: tuple[Block, ...]) -> Iterator[Found]:
    """What is to be said of a network that is not refused."""
    found = layer(blocks)
    if not isinstance(e.attack, Spear) or isinstance(found, str):
        return
    if isinstance(e.client, FedAvg) and e.recorded is None:
        reason = unsummed(e.client)
        if reason:
            yield "attack", reason, True
    yield from _feasible(e.attack, found, e.attack.batch or e.pictures)
    if not direct(blocks, found):
        yield "attack", (
            f"the features that enter layer {found.name} come back exactly, and each picture is searched from its own"
        ), False  # fmt: skip
    elif not found.op.bias and not found.batch_norm:
        yield "attack", (
            f"layer {found.name} has no bias, so each picture's brightness is set by its range of [0, 1]"
        ), False  # fmt: skip


def _feasible(attack: Spear, found: Affine, images: int) -> Iterator[Found]:
    units, needed = found.shape[0], bounds.proposals(images)
    if images > 1 and units < bounds.UNITS_EACH * images:
        yield "samples", (
            f"{units} units are few for {images} pictures: below {bounds.UNITS_EACH} for each, some directions may not be unique"
        ), False  # fmt: skip
    if needed > bounds.FEASIBLE:
        words = f"sampling would take about {bounds.written(needed)} proposals for {images} pictures"
        if attack.engine == "sampling":
            yield "attack.engine", f"{words}: choose engine irls, or fewer pictures", True
        else:
            yield (
                "samples",
                f"{words}, so reweighting alone has to find them all: expect a part of the directions",
                False,
            )
    elif needed > attack.proposals and attack.engine == "sampling":
        yield "attack.proposals", (
            f"{images} pictures take about {bounds.written(needed)} proposals, more than the {attack.proposals:,} allowed"
        ), False  # fmt: skip


def unsummed(client: Stepping) -> str:
    """Why local steps are not sums of gradients with one factor for each picture, "" where they are."""
    if client.optimiser != "sgd":
        return (
            "Adam divides every value by its own size, which leaves no rank to read: choose gradient matching, or a client"
            " that steps by SGD"
        )
    if client.clip_value is not None:
        return "clipping each value leaves no rank to read: choose gradient matching, or clip_norm"
    return ""


def _normed(block: Block) -> bool:
    parts = (*block.main, block.skip) if isinstance(block, Residual) else (block,)
    return any(isinstance(p, Affine) and p.batch_norm for p in parts)
