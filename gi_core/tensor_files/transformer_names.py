"""How libraries name the tensors of a vision transformer: torchvision's, timm's, Hugging Face's, and both of CLIP's.

Each family says where its names begin in place of torchvision's; rows of queries, keys and values that it keeps apart are
three places for one. Layer norms differ in the number that they add to the variance (eps), which no tensor says. No torch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

HEAD = "heads.head."
_OUTER = (
    "conv_proj.weight", "conv_proj.bias", "class_token", "distillation_token", "encoder.pos_embedding",
    *(f"{layer}.{leaf}" for layer in ("encoder.layers.ln_pre", "encoder.ln", "heads.head", "heads.distilled")
      for leaf in ("weight", "bias")),
)  # fmt: skip
_INNER = tuple(
    f"{layer}{leaf}"
    for layer in ("ln_1.", "self_attention.in_proj_", "self_attention.out_proj.", "ln_2.", "mlp.0.", "mlp.3.")
    for leaf in ("weight", "bias")
)
_BLOCK = "encoder.layers.encoder_layer_{}."


@dataclass(frozen=True)
class Family:
    """outer, inner: beginnings of torchvision's names -> beginnings of these, outside and inside a block. block: where those of
    block {} begin. setting: of `model.family`. eps: of its layer norms. aside: beginnings of what else its files hold.
    """

    title: str
    outer: dict[str, tuple[str, ...]]
    block: str
    inner: dict[str, tuple[str, ...]]
    setting: str
    eps: float
    aside: tuple[str, ...] = ()

    @property
    def apart(self) -> bool:
        """Whether queries, keys and values are tensors of their own."""
        return any(len(theirs) > 1 for theirs in self.inner.values())

    def names(self, blocks: int) -> dict[str, tuple[str, ...]]:
        """torchvision's name -> the family's, three where queries, keys and values lie apart."""
        found = {name: _begun(name, self.outer) for name in _OUTER}
        for k in range(blocks):
            begin = self.block.format(k)
            for name in _INNER:
                found[_BLOCK.format(k) + name] = tuple(begin + end for end in _begun(name, self.inner))
        return {name: theirs for name, theirs in found.items() if theirs}


@dataclass(frozen=True)
class Reading:
    """family, and the prefix in front of its names. blocks: of the encoder. known: how many names fit."""

    family: Family
    prefix: str
    blocks: int
    known: int


def place(name: str, prefix: str, given: Collection[str]) -> str:
    """A name behind the prefix, or behind a part of it, where a last layer may stand: `vit.` is not before `classifier`."""
    cut = prefix
    while cut and cut + name not in given:
        cut = cut[: cut[:-1].rfind(".") + 1]
    return cut + name if cut + name in given else prefix + name


def _begun(name: str, table: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    for begin, theirs in table.items():
        if name.startswith(begin):
            return tuple(new + name[len(begin) :] for new in theirs)
    return ()


def _table(text: str) -> dict[str, tuple[str, ...]]:
    """`ours theirs` a line, or `ours queries keys values`."""
    rows = (line.split() for line in text.strip().splitlines())
    return {row[0]: tuple(row[1:]) for row in rows}


_SAME = _table("""
    ln_1. ln_1.
    ln_2. ln_2.
    self_attention. self_attention.
    mlp.0. mlp.0.
    mlp.3. mlp.3.
""")
_TORCHVISION = _table("""
    conv_proj. conv_proj.
    class_token class_token
    encoder.pos_embedding encoder.pos_embedding
    encoder.layers.ln_pre. encoder.layers.ln_pre.
    encoder.ln. encoder.ln.
    heads.head. heads.head.
""")
_TIMM = _table("""
    conv_proj. patch_embed.proj.
    class_token cls_token
    distillation_token dist_token
    encoder.pos_embedding pos_embed
    encoder.layers.ln_pre. norm_pre.
    encoder.ln. norm.
    heads.head. head.
    heads.distilled. head_dist.
""")
_TIMM_BLOCK = _table("""
    ln_1. norm1.
    ln_2. norm2.
    self_attention.in_proj_ attn.qkv.
    self_attention.out_proj. attn.proj.
    mlp.0. mlp.fc1.
    mlp.3. mlp.fc2.
""")
_HUGGING_FACE = _table("""
    conv_proj. embeddings.patch_embeddings.projection.
    class_token embeddings.cls_token
    distillation_token embeddings.distillation_token
    encoder.pos_embedding embeddings.position_embeddings
    encoder.ln. layernorm.
    heads.head. classifier.
""")
_HUGGING_FACE_BLOCK = _table("""
    ln_1. layernorm_before.
    ln_2. layernorm_after.
    self_attention.in_proj_ attention.attention.query. attention.attention.key. attention.attention.value.
    self_attention.out_proj. attention.output.dense.
    mlp.0. intermediate.dense.
    mlp.3. output.dense.
""")
_NEWER_BLOCK = _table("""
    ln_1. layernorm_before.
    ln_2. layernorm_after.
    self_attention.in_proj_ attention.q_proj. attention.k_proj. attention.v_proj.
    self_attention.out_proj. attention.o_proj.
    mlp.0. mlp.fc1.
    mlp.3. mlp.fc2.
""")
_DISTILLED = {**_HUGGING_FACE, "heads.head.": ("cls_classifier.",), "heads.distilled.": ("distillation_classifier.",)}
_HUGGING_FACE_CLIP = _table("""
    conv_proj. embeddings.patch_embedding.
    class_token embeddings.class_embedding
    encoder.pos_embedding embeddings.position_embedding.weight
    encoder.layers.ln_pre. pre_layrnorm.
    encoder.ln. post_layernorm.
""")
_HUGGING_FACE_CLIP_BLOCK = _table("""
    ln_1. layer_norm1.
    ln_2. layer_norm2.
    self_attention.in_proj_ self_attn.q_proj. self_attn.k_proj. self_attn.v_proj.
    self_attention.out_proj. self_attn.out_proj.
    mlp.0. mlp.fc1.
    mlp.3. mlp.fc2.
""")
_OPENAI_CLIP = _table("""
    conv_proj. conv1.
    class_token class_embedding
    encoder.pos_embedding positional_embedding
    encoder.layers.ln_pre. ln_pre.
    encoder.ln. ln_post.
""")
_OPENAI_CLIP_BLOCK = _table("""
    ln_1. ln_1.
    ln_2. ln_2.
    self_attention.in_proj_ attn.in_proj_
    self_attention.out_proj. attn.out_proj.
    mlp.0. mlp.c_fc.
    mlp.3. mlp.c_proj.
""")
_LINEAR = {**_SAME, "mlp.0.": ("mlp.linear_1.",), "mlp.3.": ("mlp.linear_2.",)}

FAMILIES: tuple[Family, ...] = (
    Family("torchvision's names", _TORCHVISION, _BLOCK, _SAME, "torchvision", 1e-6),
    Family("torchvision's older names", _TORCHVISION, _BLOCK, _LINEAR, "torchvision", 1e-6),
    Family("timm's names", _TIMM, "blocks.{}.", _TIMM_BLOCK, "torchvision", 1e-6),
    Family("Hugging Face's names", _HUGGING_FACE, "encoder.layer.{}.", _HUGGING_FACE_BLOCK, "hugging_face", 1e-12, ("pooler.",)),
    Family("Hugging Face's names, distilled", _DISTILLED, "encoder.layer.{}.", _HUGGING_FACE_BLOCK, "hugging_face", 1e-12, ("pooler.",)),
    Family("Hugging Face's newer names", _HUGGING_FACE, "layers.{}.", _NEWER_BLOCK, "hugging_face", 1e-12, ("pooler.",)),
    Family("Hugging Face's newer names, distilled", _DISTILLED, "layers.{}.", _NEWER_BLOCK, "hugging_face", 1e-12, ("pooler.",)),
    Family("Hugging Face's CLIP names", _HUGGING_FACE_CLIP, "encoder.layers.{}.", _HUGGING_FACE_CLIP_BLOCK, "clip", 1e-5, ("embeddings.position_ids",)),
    Family("CLIP's names", _OPENAI_CLIP, "transformer.resblocks.{}.", _OPENAI_CLIP_BLOCK, "clip", 1e-5, ("proj",)),
)  # fmt: skip


def read(names: Collection[str]) -> Reading | None:
    """The family that most of the names fit, behind one prefix; None where they are of no vision transformer."""
    best: Reading | None = None
    present = set(names)
    for family in FAMILIES:
        ends = [
            new
            for name in ("conv_proj.weight", "class_token", "encoder.pos_embedding")
            for new in _begun(name, family.outer)
        ]
        ends += [family.block.format(0) + new for new in _begun("ln_1.weight", family.inner)]
        cuts = {name.removesuffix(end) for name in present for end in ends if name == end or name.endswith("." + end)}
        for prefix in sorted(cuts):
            begin = prefix + family.block.partition("{}")[0]
            numbers = {name[len(begin) :].partition(".")[0] for name in present if name.startswith(begin)}
            blocks = max((int(n) + 1 for n in numbers if n.isdigit() and len(n) < 4), default=0)
            every = [place(new, prefix, present) for theirs in family.names(blocks).values() for new in theirs]
            found = Reading(family, prefix, blocks, sum(name in present for name in every))
            if blocks and (best is None or found.known > best.known):
                best = found
    return best
