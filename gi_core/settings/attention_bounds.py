"""How many pictures behind one gradient of a vision transformer equations alone give back. No torch.

    T patches of n = C p q values, hidden size D, H heads of width d = D / H, c prefix tokens, B pictures, m = B T

Every way from a token to the loss passes a layer norm, so the gradients of tokens sum to zero over D, and the patches' gradient
spans their m patches where m <= min(D - 1, n). With the positions' gradient each patch is then known up
to T (B - 1) directions (the *coset*). What the first attention's gradients say of which patches belong together is linear,
H (d - c + 1)(d - c) equations for m^2 unknowns, of which B stay open at best: one for each picture. A picture that stands
alone is placed by the layer norm: T + c + r + 1 - min(D, r + 1 + rho + c) directions of a patch stay open, with r the rank
of the patches' gradient and rho that of the positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Positions = Literal["learned", "frozen", "sincos"]
"""learned: their gradient is in the update. frozen: learned once, not now. sincos: a row's code beside a column's."""


@dataclass(frozen=True)
class AttentionShape:
    """patches: T. values: n, of a patch. width: D. heads: H. prefix: c. blocks: of the encoder. mean_pooled: whether the head
    reads every token, and not the first alone.
    """

    patches: int
    values: int
    width: int
    heads: int
    prefix: int = 1
    blocks: int = 12
    positions: Positions = "learned"
    mean_pooled: bool = False

    @property
    def span(self) -> int:
        """Most patches that the patches' gradient can tell apart."""
        return min(self.width - 1, self.values)

    @property
    def position_rank(self) -> int:
        """rho; of a square grid where positions are made of sines."""
        return min(self.patches, 2 * round(self.patches**0.5) - 1) if self.positions == "sincos" else self.patches


def open_directions(shape: AttentionShape) -> int:
    """T - rank S of one picture with the positions' gradient S (T, D): what is open of each of the n values of a patch."""
    return max(0, shape.patches - (shape.width - 1))


def misplaced(shape: AttentionShape, pictures: int = 1, positions_sent: bool = False) -> int:
    """Directions of a patch that the layer norm leaves open, with its picture told from the others.

    positions_sent: whether the positions' gradient adds its T equations h_t p_u = [t = u] for each patch.
    """
    r = min(pictures * shape.patches, shape.span)
    unknowns, more = shape.patches + shape.prefix + r + 1, shape.patches * positions_sent
    equations = min(shape.width + more, r + 1 + shape.prefix + shape.position_rank + more, unknowns)
    return min(r + 1, unknowns - equations)


def coset_open(shape: AttentionShape, pictures: int) -> int | None:
    """T^2 B (B - 1), the values that the coset leaves open of a batch; None where there is none."""
    if shape.positions != "learned" or pictures * shape.patches > shape.span:
        return None
    return shape.patches**2 * pictures * (pictures - 1)


def coset_most(shape: AttentionShape) -> int:
    """Most pictures with a coset; 0 where positions send no gradient."""
    return shape.span // shape.patches if shape.positions == "learned" else 0


def separating(shape: AttentionShape) -> int:
    """Equations of the first attention for which patches share a picture: H (d - c + 1)(d - c), H d^2 without prefix."""
    head, c = shape.width // shape.heads, shape.prefix
    if (shape.blocks < 2 and not shape.mean_pooled) or shape.heads < 2:
        return 0  # only the first token's scores have a gradient; one head alone leaves more than a factor for each picture
    return shape.heads * (max(0, head - c + 1) * max(0, head - c) if c else head**2)


def inseparable(shape: AttentionShape, pictures: int) -> int:
    """max(0, m^2 - B - equations): by how many dimensions the null space exceeds one for each picture."""
    return max(0, (pictures * shape.patches) ** 2 - pictures - separating(shape))


def separated_most(shape: AttentionShape) -> int:
    """Most pictures that the first attention tells apart, placed or not; 0 where not even one is spanned."""
    most = min(shape.values, shape.width - shape.prefix) // shape.patches
    return max((b for b in range(1, most + 1) if b == 1 or not inseparable(shape, b)), default=0)


def exact_most(shape: AttentionShape) -> int:
    """B_max: most pictures that come back exactly, from learned positions or from the first attention; 0: not one."""
    sent = shape.positions == "learned"
    one = not open_directions(shape) if sent else not misplaced(shape)
    more = (b for b in range(2, separated_most(shape) + 1) if not misplaced(shape, b, sent))
    return max(more, default=1) if one else 0
