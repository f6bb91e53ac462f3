"""What the closed form of vision transformers cannot do, said before anything runs. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gi_core.settings.attention_bounds import (
    AttentionShape,
    coset_open,
    exact_most,
    open_directions,
    separated_most,
    separating,
)
from gi_core.settings.client import FedAvg
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.settings.experiment import Experiment
from gi_core.settings.networks import VisionTransformer
from gi_core.settings.own_network import OwnNetwork
from gi_core.settings.sizes import sides

NO_TOKENS = (
    "this attack reads vision transformers, and this network adds no positions to patches of the picture: choose a vision"
    " transformer, or gradient matching"
)
BOTTLENECK = (
    "PRECODE's random bottleneck stands between the network and its gradients here: choose gradient matching against it"
)
SPARE = 8
"""Values of a column of the patches' gradient, more than there are patches, from which noise can be read."""
DECAY_UNFIT = (
    "weight decay is searched for by what positions and patches of one picture have in common, so both must be sent, and the"
    f" hidden size be {SPARE} above the number of patches: choose attack.weight_decay=known"
)
Found = tuple[str, str, bool]
"""(field, reason, whether it refuses)."""


class Stepping(Protocol):
    """How a client steps, of its settings or of a schedule."""

    @property
    def optimiser(self) -> str: ...
    @property
    def clients(self) -> int: ...
    @property
    def clip_value(self) -> float | None: ...


UNREAD = "its first attention was not sent whole, or does not read the tokens as they are"
STEPS_MIX = "local steps move the tokens, so the first attention's changes no longer tell the pictures apart"


def inseparable(shape: AttentionShape, images: int) -> str:
    """Why the pictures of a batch are not told apart, or their patches not placed, "" where they are."""
    if images <= exact_most(shape):
        return ""
    if not separating(shape):
        if shape.heads < 2:
            return "one head alone does not say which patches belong together"
        return "its one block with a class token has no gradient of scores between patches"
    most = separated_most(shape)
    if images > most:
        return (
            f"{images} pictures of {shape.patches} patches have more unknowns than {shape.heads} heads of"
            f" {shape.width // shape.heads} have equations: {most} at most {'is' if most == 1 else 'are'} told apart"
        )
    return f"a hidden size of {shape.width} does not place the patches of {images} pictures"


def nothing(images: int, patches: int, why: str) -> str:
    """Why not even a preview is made."""
    return (
        f"{images} pictures of {patches} patches do not come back: {why}, and the patches' gradient is too small, or the"
        " positions' is not there, for a preview; choose fewer pictures or gradient matching"
    )


def preview(why: str) -> str:
    """What is made instead of pictures."""
    return (
        f"{why}, so only a preview is made, one picture for all: choose fewer pictures, or attack.search=30 to search among the"
        " pictures that the equations allow"
    )


def searched(why: str) -> str:
    """What is made instead of an answer that is certain."""
    return f"{why}, so pictures are searched for from a preview: only a small misfit says that they were found"


def unsummed(client: Stepping) -> str:
    """Why local steps are not sums of gradients with the same factors in each tensor, "" where they are."""
    if client.optimiser != "sgd":
        return (
            "Adam divides every value by its own size, so positions and patches no longer fit each other: choose gradient"
            " matching, or a client that steps by SGD"
        )
    if client.clients > 1:
        return "the changes of several clients are of several pictures: choose one client, or gradient matching"
    if client.clip_value is not None:
        return "clipping each value changes positions and patches apart: choose gradient matching, or clip_norm"
    return ""


def too_narrow(count: int, prefix: int, width: int, values: int) -> str:
    """Why the first attention alone does not place T patches of so many values, "" where it does."""
    unknowns = min(count, width, values) + 1
    equations = max(0, width - count - prefix)
    if equations >= unknowns:
        return ""
    return (
        f"the positions' gradient was not sent, and without it a patch has {equations} equations for {unknowns} unknowns at a"
        f" hidden size of {width}: choose gradient matching"
    )


def found(e: Experiment) -> Iterator[Found]:
    """What stops the attack, and what it has to guess."""
    if any("bottleneck" in d.perturbs for d in e.defenses):
        yield "attack", BOTTLENECK, True
        return
    if isinstance(e.model, OwnNetwork):
        pass  # the attack looks once the network is built
    elif not isinstance(e.model, VisionTransformer):
        yield "attack", NO_TOKENS, True
        return
    if isinstance(e.client, FedAvg) and e.recorded is None:
        reason = unsummed(e.client)
        if reason:
            yield "attack", reason, True
    shape = sides(e.size)
    if isinstance(e.attack, Transformer) and e.attack.weight_decay == "searched":
        yield from _searching(e, shape)
    if isinstance(e.model, VisionTransformer) and shape is not None and e.pictures > 1:
        yield from _batch(e, e.model, shape)
    elif isinstance(e.model, VisionTransformer) and shape is not None:
        sizes = shape_of(e.model, shape)
        missing = open_directions(sizes)
        if missing:
            yield "model.hidden", (
                f"{sizes.patches} patches and a hidden size of {sizes.width}: {missing} directions are not in the gradient and are"
                " filled in by smoothness"
            ), False  # fmt: skip


def _searching(e: Experiment, shape: tuple[int, int] | None) -> Iterator[Found]:
    """What a search for weight decay lacks."""
    if e.recorded is None and not isinstance(e.client, FedAvg):
        yield "attack.weight_decay", "a gradient holds no weight decay, so there is none to search for", False
        return
    sizes = shape_of(e.model, shape) if isinstance(e.model, VisionTransformer) and shape is not None else None
    narrow = sizes is not None and sizes.width < sizes.patches + SPARE
    if e.pictures > 1 or narrow:
        yield "attack.weight_decay", DECAY_UNFIT, True


def _batch(e: Experiment, model: VisionTransformer, shape: tuple[int, int]) -> Iterator[Found]:
    """What several pictures lack."""
    sizes = shape_of(model, shape)
    steps = e.client.local_steps(e.pictures)[0] if isinstance(e.client, FedAvg) and e.recorded is None else 1
    why = STEPS_MIX if steps > 1 else inseparable(sizes, e.pictures)
    if why and coset_open(sizes, e.pictures) is None:
        yield "attack", nothing(e.pictures, sizes.patches, why), True
    elif why:
        yield "attack", searched(why) if isinstance(e.attack, Transformer) and e.attack.search else preview(why), False


def shape_of(model: VisionTransformer, shape: tuple[int, int]) -> AttentionShape:
    """The sizes of a transformer on pictures (H, W)."""
    return AttentionShape(
        patches=(shape[0] // model.patch) * (shape[1] // model.patch), values=3 * model.patch**2, width=model.hidden,
        heads=model.heads, blocks=model.depth,
    )  # fmt: skip
