"""Real modules of transformers and open_clip, random weights, attacked by name: prints one JSON line for each."""

from __future__ import annotations

import json
import math

from gi_core.common.vision import import_torchvision

import_torchvision()

import torch  # noqa: E402
from open_clip.model import CLIPVisionCfg, _build_vision_tower  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from transformers import (  # noqa: E402
    CLIPVisionConfig,
    CLIPVisionModel,
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    ViTConfig,
    ViTForImageClassification,
)

import gi_core as gi  # noqa: E402

SIZE = {
    "hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 192, "image_size": 32, "patch_size": 8,
    "hidden_dropout_prob": 0.0,
}  # fmt: skip


class Logits(nn.Module):
    """The logits, or those of a linear layer on the pooled output, of a module that returns more."""

    def __init__(self, module: nn.Module, width: int = 0):
        super().__init__()
        self.module, self.head = module, nn.Linear(width, 5) if width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        found = self.module(x)
        pooled = found if isinstance(found, Tensor) else getattr(found, "logits", None)
        return self.head(found.pooler_output if pooled is None else pooled)


def modules() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    plain = {k: v for k, v in SIZE.items() if k != "hidden_dropout_prob"}
    return {
        "ViTForImageClassification": Logits(ViTForImageClassification(ViTConfig(**SIZE, num_labels=5))),
        "DeiTForImageClassificationWithTeacher": Logits(
            DeiTForImageClassificationWithTeacher(DeiTConfig(**SIZE, num_labels=5))
        ),
        "CLIPVisionModel": Logits(CLIPVisionModel(CLIPVisionConfig(**plain)), 96),
        "open_clip": Logits(
            _build_vision_tower(16, CLIPVisionCfg(layers=2, width=96, head_width=32, patch_size=8, image_size=32)), 16
        ),
    }


def worst(found: object, images: Tensor) -> float:
    """dB of the picture that came back worst, each with the nearest."""
    answer = torch.as_tensor(found).double()
    errors = [min(float(((a - x.double()) ** 2).mean()) for a in answer) for x in images]
    return -10 * math.log10(max(*errors, 1e-30))


def main() -> None:
    draws = torch.Generator().manual_seed(1)
    for name, model in modules().items():
        model = model.eval()
        for count in (1, 2):
            images = torch.rand(count, 3, 32, 32, generator=draws)
            loss = nn.functional.cross_entropy(model(images), torch.arange(count))
            named = dict(model.named_parameters())
            found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
            gradients = {
                k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(named.items(), found, strict=True)
            }
            result = gi.attack(model, gradients, (3, 32, 32), images=count, attack="transformer", progress=False)
            print(json.dumps({"module": name, "pictures": count, "psnr": worst(result.images, images)}))


if __name__ == "__main__":
    main()
