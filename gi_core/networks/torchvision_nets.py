"""torchvision's networks, without operations in place, so that they can be differentiated twice."""

from __future__ import annotations

import functools
import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gi_core.common.vision import import_torchvision
from gi_core.networks.attention import Attention
from gi_core.settings.networks import DenseNet121, Model, TorchvisionModel, TorchvisionResNet, VisionTransformer
from gi_core.settings.torchvision_graphs import DENSE_BLOCKS, RESNETS, check_picture

import_torchvision()
from torchvision.models import DenseNet, MobileNetV2, ResNet  # noqa: E402
from torchvision.models import VisionTransformer as TorchvisionVit  # noqa: E402
from torchvision.models.resnet import BasicBlock, Bottleneck  # noqa: E402


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


EPS = {"torchvision": 1e-6, "hugging_face": 1e-12, "clip": 1e-5}
"""What a family's layer norms add to the variance."""
_BLOCKS = {"basic": _Basic, "bottleneck": _Bottle}


def construct(settings: Model, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A torchvision network, drawn by torchvision's own initialisation from the current generator.

    Raises SpecError where network and picture do not fit.
    """
    check_picture(settings, input_shape)
    if isinstance(settings, TorchvisionResNet):
        model = _resnet(settings, classes)
    elif isinstance(settings, VisionTransformer):
        model = _vit(settings, input_shape[1], classes)
    elif isinstance(settings, DenseNet121):
        model = _Dense(32, DENSE_BLOCKS, 64, num_classes=classes)
    else:
        model = MobileNetV2(num_classes=classes)
    for module in model.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            module.inplace = False
    if isinstance(settings, TorchvisionModel) and settings.norm == "group":
        _group_norms(model, settings.norm_groups)
    return model


def _group_norms(model: nn.Module, groups: int) -> None:
    """Group norm in place of each batch norm, under its name; both begin at one and zero, so no weight is drawn."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            parent, _, last = name.rpartition(".")
            channels = module.num_features
            setattr(model.get_submodule(parent), last, nn.GroupNorm(math.gcd(groups, channels), channels))


def _resnet(settings: TorchvisionResNet, classes: int) -> nn.Module:
    block, layers = RESNETS[settings.kind]
    model = ResNet(_BLOCKS[block], list(layers), num_classes=classes)
    if settings.stem == "cifar":
        model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    return model


class QuickGelu(nn.Module):
    """x sigmoid(1.702 x), as CLIP has it."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


def _vit(settings: VisionTransformer, size: int, classes: int) -> nn.Module:
    norm = functools.partial(nn.LayerNorm, eps=EPS[settings.family])
    model = TorchvisionVit(
        size, settings.patch, settings.depth, settings.heads, settings.hidden, 4 * settings.hidden, num_classes=classes,
        norm_layer=norm,
    )  # fmt: skip
    for module in model.modules():
        if isinstance(module, nn.MultiheadAttention):
            module.__class__ = Attention  # same parameters, another forward
    if settings.family == "clip":
        _as_clip(model, norm(settings.hidden))
    # torchvision starts the head at zero, where every gradient below it vanishes
    with torch.no_grad():
        model.heads.head.reset_parameters()
    return model


def _as_clip(model: TorchvisionVit, norm: nn.Module) -> None:
    """A layer norm in front of the blocks, patches without bias, quick GELU."""
    model.conv_proj.register_parameter("bias", None)
    blocks = model.encoder.layers
    for block in blocks:
        block.mlp[1] = QuickGelu()
    model.encoder.layers = nn.Sequential(OrderedDict(ln_pre=norm, **dict(blocks.named_children())))
