"""torchvision's networks, without operations in place, so that they can be differentiated twice."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gi_core.models.attention import Attention
from gi_core.spec.base import SpecError
from gi_core.spec.models import Model, TorchvisionResNet, VisionTransformer
from gi_core.vision import import_torchvision

import_torchvision()
from torchvision.models import DenseNet, MobileNetV2, ResNet  # noqa: E402
from torchvision.models import VisionTransformer as TorchvisionVit  # noqa: E402
from torchvision.models.resnet import BasicBlock, Bottleneck  # noqa: E402

MAX_TOKENS = 1024  # attention costs tokens squared, and its second derivative keeps all of it


class _Basic(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class _Bottle(Bottleneck):
    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class _Dense(DenseNet):
    def forward(self, x: Tensor) -> Tensor:
        features = F.relu(self.features(x))
        return self.classifier(features.mean((-2, -1)))


_RESNETS = {
    "resnet18": (_Basic, [2, 2, 2, 2]),
    "resnet34": (_Basic, [3, 4, 6, 3]),
    "resnet50": (_Bottle, [3, 4, 6, 3]),
    "resnet152": (_Bottle, [3, 8, 36, 3]),
}


def construct(settings: Model, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A torchvision network, drawn by torchvision's own initialisation from the current generator.

    Raises SpecError where network and picture do not fit.
    """
    channels, height, width = input_shape
    if settings.channels_only not in (None, channels):
        raise SpecError(f"{settings.title} takes colour pictures, this one is grey: set channels to 3")
    if min(height, width) < settings.min_size:
        raise SpecError(
            f"{settings.title} needs pictures of at least {settings.min_size} pixels,"
            f" not {min(height, width)}: choose a larger size"
        )
    if isinstance(settings, TorchvisionResNet):
        model = _resnet(settings, classes)
    elif isinstance(settings, VisionTransformer):
        model = _vit(settings, height, classes)
    elif settings.kind == "densenet121":  # type: ignore[attr-defined]
        model = _Dense(32, (6, 12, 24, 16), 64, num_classes=classes)
    else:
        model = MobileNetV2(num_classes=classes)
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
    return model


def _resnet(settings: TorchvisionResNet, classes: int) -> nn.Module:
    block, layers = _RESNETS[settings.kind]  # type: ignore[attr-defined]
    model = ResNet(block, layers, num_classes=classes)
    if settings.stem == "cifar":
        model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    return model


def _vit(settings: VisionTransformer, size: int, classes: int) -> nn.Module:
    if size % settings.patch:
        raise SpecError(
            f"a patch of {settings.patch} does not divide the picture's side {size}: change model.patch or the size"
        )
    if settings.hidden % settings.heads:
        raise SpecError(f"{settings.heads} heads do not divide the hidden size {settings.hidden}: change model.heads")
    tokens = (size // settings.patch) ** 2
    if tokens > MAX_TOKENS:
        raise SpecError(
            f"a patch of {settings.patch} cuts {size} pixels into {tokens} tokens,"
            f" at most {MAX_TOKENS} are taken: choose a larger model.patch"
        )
    model = TorchvisionVit(
        size,
        settings.patch,
        settings.depth,
        settings.heads,
        settings.hidden,
        4 * settings.hidden,
        num_classes=classes,
    )
    for module in model.modules():
        if isinstance(module, nn.MultiheadAttention):
            module.__class__ = Attention  # same parameters, another forward
    # torchvision starts the head at zero, where every gradient below it vanishes
    with torch.no_grad():
        model.heads.head.reset_parameters()
    return model
