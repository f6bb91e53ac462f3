"""Rank analysis of vision transformers: formulas against measured ranks, and what is said of one picture and of batches."""

from __future__ import annotations

import random
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from gi_core import networks
from gi_core.analysis.rank import counted
from gi_core.analysis.rank.attention import of_batch
from gi_core.analysis.rank.attention_numeric import measured, shape_in
from gi_core.analysis.rank.known_transformers import TRANSFORMERS
from gi_core.common.progress import silent
from gi_core.experiments import risk_meter, setup
from gi_core.experiments.rank_analysis import of_module as measured_report
from gi_core.networks import library
from gi_core.settings import attention_bounds as bounds
from gi_core.settings import build
from gi_core.settings import networks as M

needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason=f"timm is not installed: {library.INSTALL}")


def drawn(model: nn.Module, seed: int) -> nn.Module:
    """Weights and biases of norms away from one and zero, as training leaves them."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 1 or p.shape[:2] == (1, 1):  # the class token too
                p.add_(0.2 * torch.randn(p.shape, generator=draws))
    return model


def sines(rows: int, width: int) -> torch.Tensor:
    """A row's code beside a column's, as MAE has them: (1, 1 + rows^2, D)."""
    angles = torch.arange(rows)[:, None] / 10.0 ** torch.linspace(0, 1, width // 4)
    code = torch.cat([angles.sin(), angles.cos()], 1)
    grid = torch.cat([code.repeat_interleave(rows, 0), code.repeat(rows, 1)], 1)
    return torch.cat([torch.zeros(1, grid.shape[1]), grid])[None]


def compared(rng: random.Random, seed: int) -> dict[str, tuple[int, int]]:
    """(counted, measured) of a small random transformer with random pictures."""
    heads, d, pictures = rng.choice([1, 2, 3, 4]), rng.randint(4, 16), rng.choice([1, 2, 2, 3, 4])
    grid = rng.choice([2, 2, 3])
    patch = rng.choice([4, 5] if grid == 2 else [3, 4])
    pictures = min(pictures, 27 // grid**2)
    width, side, sin = max(8, heads * d), grid * patch, rng.random() < 0.2
    heads, width = (heads, width // (4 * heads) * 4 * heads) if sin and width >= 4 * heads else (heads, width)
    width -= width % heads
    settings = M.VisionTransformer(patch=patch, depth=rng.choice([1, 2, 2, 3]), heads=heads, hidden=width, seed=seed)
    model = drawn(networks.build(settings, (3, side, side), 7), seed)
    if sin and width % 4 == 0:
        del model.encoder.pos_embedding
        model.encoder.register_buffer("pos_embedding", sines(grid, width))
    shape, tokens = shape_in(model, (3, side, side))
    assert shape.positions == ("sincos" if sin and width % 4 == 0 else "learned")
    seen = measured(model, tokens, heads, (3, side, side), pictures, seed)
    m = pictures * shape.patches
    found = {"span": (min(m, shape.span), seen.span), "misplaced": (bounds.misplaced(shape, pictures), seen.misplaced)}
    if shape.positions == "learned":
        found["positions"] = shape.patches - bounds.open_directions(shape), seen.positions
    if shape.positions == "learned" and m <= shape.span:
        found["coset"] = bounds.coset_open(shape, pictures) // (shape.patches * max(1, pictures)), seen.coset
    if bounds.separating(shape) and pictures > 1 and m < min(shape.width, shape.values):
        found["separating"] = pictures + bounds.inseparable(shape, pictures), seen.separating
    return found


def agree(cases: range) -> None:
    rng, kinds = random.Random(cases.start), set()
    for seed in cases:
        found = compared(rng, seed)
        kinds |= set(found)
        assert all(a == b for a, b in found.values()), (seed, found)
    assert kinds == {"span", "misplaced", "positions", "coset", "separating"}


def test_formulas_are_the_measured_ranks():
    agree(range(12))


@pytest.mark.slow
def test_formulas_are_the_measured_ranks_of_two_hundred():
    agree(range(100, 300))


def test_beyond_the_bound_the_null_space_is_as_large_as_counted():
    settings = M.VisionTransformer(patch=4, depth=2, heads=2, hidden=16)
    model = drawn(networks.build(settings, (3, 8, 8), 7), 0)
    shape, tokens = shape_in(model, (3, 8, 8))
    assert bounds.separating(shape) == 112 and bounds.separated_most(shape) == 2
    assert [measured(model, tokens, 2, (3, 8, 8), b).separating for b in (2, 3)] == [2, 144 - 112]


@needs_timm
@pytest.mark.slow
def test_timms_transformers_with_two_prefix_tokens_are_counted_too():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = library.timm().create_model("deit_tiny_distilled_patch16_224", depth=2, img_size=32, num_classes=5)
    model = drawn(model.eval(), 0)
    shape, tokens = shape_in(model, (3, 32, 32))
    assert (shape.prefix, shape.heads, shape.blocks, shape.positions) == (2, 3, 2, "learned")
    seen = measured(model, tokens, 3, (3, 32, 32), 2)
    assert seen.separating == 2 and seen.misplaced == bounds.misplaced(shape, 2) == 0 and seen.coset == 4


def test_known_transformers_and_what_is_said_of_them():
    assert [(k.found.coset_most, k.found.exact_most) for k in TRANSFORMERS] == [
        (15, 4), (20, 5), (47, 13), (21, 6), (23, 9), (3, 1), (3, 1), (3, 1), (1, 1), (0, 0), (2, 1), (0, 0),
    ]  # fmt: skip
    said = {k.title: k.to_json()["words"] for k in TRANSFORMERS}
    assert said["ViT-S/16, DeiT-S/16"] == "exact; with frozen positions 10 directions of a patch stay open"
    assert said["ViT-Ti/16, DeiT-Ti/16"] == "5 of 196 directions are filled in by smoothness"
    assert said["MAE ViT-B/16, its positions frozen"] == "169 directions of a patch stay open"


def test_the_report_of_a_transformer():
    wide = counted(M.VisionTransformer(patch=32, depth=12, heads=12, hidden=768), (3, 224, 224), 1000, "vit")
    assert wide.verdict == "exact" and "up to 4 pictures" in wide.sentence and wide.breaking is None
    assert [layer.name for layer in wide.layers] == ["encoder.pos_embedding", "conv_proj"]
    document = wide.to_json()["attention"]
    assert (
        document["exact_most"] == 4
        and document["batches"][4]["inseparable"] > 0 == document["batches"][3]["inseparable"]
    )
    narrow = counted(M.VisionTransformer(patch=16, depth=12, heads=3, hidden=192), (3, 224, 224), 1000)
    assert narrow.verdict == "partial" and "5 directions" in narrow.sentence and narrow.layers[0].deficiency == 5 * 768


@pytest.mark.parametrize(
    ("pictures", "verdict", "said"),
    [
        (1, "exact", "every patch of the picture in its place"), (4, "exact", "tell up to 4 apart exactly"),
        (5, "partial", "known up to a mixture, and equations tell 4 apart at most"), (16, "partial", "more than the gradient spans"),
    ],
)  # fmt: skip
def test_a_batch_in_words(pictures, verdict, said):
    found = of_batch(TRANSFORMERS[0].found, pictures)
    assert found[0] == verdict and said in found[1]


def test_measured_ranks_of_a_narrow_one():
    settings = M.VisionTransformer(patch=8, depth=2, heads=3, hidden=12)
    model = networks.build(settings, (3, 32, 32), 5)
    report = measured_report(settings, model, (3, 32, 32), 5, True)
    assert report.mode == "numeric" and report.layers[0].deficiency == 5 * 192 and report.condition > 1


@pytest.mark.parametrize(
    ("pictures", "level", "said"),
    [
        (1, "exposed", "every patch of the picture in its place"), (4, "exposed", "tell up to 4 apart exactly"),
        (5, "partly", "known up to a mixture"), (6, "partly", "more than the gradient spans"),
    ],
)  # fmt: skip
def test_the_risk_meter_says_what_equations_give(gi_home, pictures, level, said):
    samples = [f"bundled/faces:{k}" for k in range(0, 10 * pictures, 10)]
    model = {"kind": "vit", "patch": 8, "hidden": 24, "heads": 2, "depth": 2}
    asked = build({"samples": samples, "size": 16, "channels": 3, "model": model, "attack": {"kind": "dlg"}})
    found = risk_meter.measure(setup.ask(asked, torch.device("cpu"), silent))
    assert found["level"] == level and said in found["reasons"][0]
