"""Pictures as the output of a decoder: an untrained one (its weights are searched) or a generator's codes.

Deep image prior: x = D_theta(n) for fixed noise n and a small convolutional decoder, whose structure alone prefers
natural pictures (Ulyanov et al., CVPR 2018). Generator: x = G(code) for weights that a person gives (GIAS, GGL).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from gi_core.attacks.base import Refused
from gi_core.attacks.matching.spaces import GreySpace, PixelSpace, Space
from gi_core.attacks.priors import Pixels
from gi_core.settings.attacks import Matching
from gi_core.types.updates import Knowledge

WIDTH, CODES, NOISE_SEED = 48, 16, 20180618


class Decoder(Space):
    """Shared by both: a picture in [0, 1] of the right shape, normalised for the network."""

    identity = pixelwise = False

    def __init__(self, shape: tuple[int, ...], knowledge: Knowledge, like: Tensor):
        self.shape, self.like = shape, like
        self.pixels = Pixels(knowledge.mean, knowledge.std, like)

    def network(self, point: Tensor) -> Tensor:
        return self.pixels.encode(self.pictures(point))

    def clamp_(self, point: Tensor) -> None:
        """Do nothing: a decoder's pictures are in range."""

    def _fit(self, x: Tensor) -> Tensor:
        """(M, c, h, w) in [0, 1] -> (M, C, H, W)."""
        channels, side = self.shape[1], tuple(self.shape[2:])
        if x.shape[1] != channels:
            x = x.mean(1, keepdim=True).expand(-1, channels, -1, -1)
        return x if tuple(x.shape[2:]) == side else F.interpolate(x, side, mode="bilinear", align_corners=False)


class DeepImagePrior(Decoder):
    """The point is the decoder's weights, one decoder for the pictures of a trial."""

    def __init__(self, shape: tuple[int, ...], knowledge: Knowledge, like: Tensor):
        super().__init__(shape, knowledge, like)
        draws = torch.Generator().manual_seed(NOISE_SEED)
        base, self.ups = max(shape[2:]), 0
        while base > 8:
            base, self.ups = -(-base // 2), self.ups + 1
        self.noise = torch.randn(shape[0], CODES, base, base, generator=draws).to(like)
        layers: list[nn.Module] = [nn.Conv2d(CODES, WIDTH, 3, padding=1), nn.GroupNorm(4, WIDTH), nn.SiLU()]
        for _ in range(self.ups):
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(WIDTH, WIDTH, 3, padding=1)]
            layers += [nn.GroupNorm(4, WIDTH), nn.SiLU()]
        layers += [
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.GroupNorm(4, WIDTH),
            nn.SiLU(),
            nn.Conv2d(WIDTH, shape[1], 1),
        ]
        with torch.random.fork_rng(devices=[]):  # weights are drawn by `draw`, from its own generator
            self.decoder = nn.Sequential(*layers, nn.Sigmoid()).to(like).requires_grad_(False)
        self.names = [(name, p.shape) for name, p in self.decoder.named_parameters()]
        self.size = sum(s.numel() for _, s in self.names)

    def pictures(self, point: Tensor) -> Tensor:
        return vmap(self._one)(point) if len(point) > 1 else self._one(point[0])[None]

    def _one(self, weights: Tensor) -> Tensor:
        parts = weights.split([s.numel() for _, s in self.names])
        named = {name: p.view(s) for (name, s), p in zip(self.names, parts, strict=True)}
        return self._fit(functional_call(self.decoder, named, (self.noise,)))

    def draw(self, draws: torch.Generator) -> Tensor:
        """Normal weights of variance 2 / fan-in, norms at one, biases at zero."""
        parts = []
        for name, shape in self.names:
            if len(shape) == 4:
                parts.append(torch.randn(shape, generator=draws) * (2 * shape[0] / shape.numel()) ** 0.5)
            else:
                parts.append(torch.ones(shape) if name.endswith("weight") else torch.zeros(shape))
        return torch.cat([p.reshape(-1) for p in parts])


class Generator(Decoder):
    """The point is one code for each picture; the weights come from a file and stay."""

    def __init__(self, shape: tuple[int, ...], knowledge: Knowledge, like: Tensor, file: str | None):
        super().__init__(shape, knowledge, like)
        if not file:
            raise Refused(
                "a generator is searched, and no generator file was given: choose one, or another parametrisation"
            )
        self.generator, self.codes = read_generator(file)
        self.generator.to(like).requires_grad_(False).eval()
        self.size = shape[0] * self.codes

    def pictures(self, point: Tensor) -> Tensor:
        trials = len(point)
        x = self.generator(point.reshape(-1, self.codes, 1, 1))
        return self._fit((x + 1) / 2).view(trials, *self.shape)

    def draw(self, draws: torch.Generator) -> Tensor:
        return torch.randn(self.size, generator=draws)


def make_space(o: Matching, shape: tuple[int, ...], images: int, knowledge: Knowledge, like: Tensor) -> Space:
    """What the settings search, for pictures `shape` (M, C, H, W) of a round of `images`. Raises Refused."""
    if o.parametrisation == "deep_image_prior":
        return DeepImagePrior(shape, knowledge, like)
    if o.parametrisation == "generator":
        return Generator(shape, knowledge, like, o.generator)
    kind = o.start
    if kind == "auto":
        kind = "prior" if knowledge.prior is not None else "grey" if images == 1 else "randn"
    if o.parametrisation == "grey":
        return GreySpace(kind, shape, knowledge, like, raw=o.network_input == "raw")
    return PixelSpace(kind, shape, knowledge, like)


def read_generator(file: str) -> tuple[nn.Module, int]:
    """(generator, numbers of a code) from the weights of transposed convolutions and batch norms, named by number, as
    DCGAN's `main.0.weight` (Radford et al., 2016): kernel 4; the first from 1x1, the others doubling; ReLU, last tanh.
    Raises Refused.
    """
    from gi_core.tensor_files.reading import path_of
    from gi_core.tensor_files.weights import read_state

    path, _ = path_of(file)
    state = read_state(path, path.name)
    numbered: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        found = re.fullmatch(r"(?:\w+\.)*?(\d+)\.(\w+)", key)
        if not found:
            raise Refused(f"the generator {path.name} has a weight {key!r} that is of no numbered layer")
        numbered.setdefault(int(found[1]), {})[found[2]] = value
    layers: list[nn.Module] = []
    try:
        convolutions = [n for n in sorted(numbered) if numbered[n]["weight"].dim() == 4]
        for n in sorted(numbered):
            layers += _layer(numbered[n], n, convolutions)
    except (KeyError, RuntimeError, IndexError):
        raise Refused(f"the generator {path.name} is not made of transposed convolutions and batch norms") from None
    if not convolutions:
        raise Refused(f"the generator {path.name} has no convolution")
    return nn.Sequential(*layers, nn.Tanh()), int(numbered[convolutions[0]]["weight"].shape[0])


def _layer(weights: dict[str, Tensor], n: int, convolutions: list[int]) -> list[nn.Module]:
    weight = weights["weight"]
    if weight.dim() != 4:
        norm = nn.BatchNorm2d(len(weight))
        norm.load_state_dict(weights, strict=False)  # its counter may be missing
        return [norm, nn.ReLU()]
    stride, padding = (1, 0) if n == convolutions[0] else (2, 1)
    inputs, outputs, kernel, _ = weight.shape
    made = nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias="bias" in weights)
    made.load_state_dict(weights)
    return [made]
