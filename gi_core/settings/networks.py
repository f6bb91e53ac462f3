"""Networks that a client may train, as settings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gi_core.settings.base import setting
from gi_core.settings.custom import CustomNet
from gi_core.settings.library_network import LibraryNetwork
from gi_core.settings.network_base import SMOOTH, Activation, Init, Model, NormedModel
from gi_core.settings.own_network import OwnNetwork
from gi_core.settings.rgap_networks import Cnn6, Cnn6D, Fcn3

__all__ = ["SMOOTH", "Activation", "AnyModel", "Init", "Model"]


class LeNet(Model):
    kind: Literal["lenet"] = "lenet"
    title: ClassVar[str] = "LeNet (DLG)"
    description: ClassVar[str] = "Three 5x5 convolutions of 12 channels and one dense layer, as DLG attacks it."
    paper: ClassVar[str] = "Zhu et al., Deep Leakage from Gradients, NeurIPS 2019"
    min_size: ClassVar[int] = 4

    layers: Literal[3, 4] = setting(
        3,
        "Convolutions: 3 as in DLG (strides 2, 2, 1), 4 as in the influence paper (2, 2, 1, 1).",
        title="Convolutions",
    )
    activation: Activation = setting("sigmoid", "Non-linearity after each convolution.", title="Activation", basic=True)
    width: int = setting(12, "Channels of each convolution.", title="Width", ge=1, le=256)


class ConvNet(NormedModel):
    kind: Literal["convnet"] = "convnet"
    title: ClassVar[str] = "ConvNet"
    description: ClassVar[str] = "3x3 convolutions with batch norm and ReLU, two poolings and a dense layer."
    paper: ClassVar[str] = "Geiping et al., Inverting Gradients, NeurIPS 2020"
    min_size: ClassVar[int] = 9

    width: int = setting(64, "Channels of the first convolution.", title="Width", ge=1, le=512, basic=True)
    depth: int = setting(8, "Number of convolutions (8 is the published network).", title="Depth", ge=2, le=16)
    activation: Activation = setting("relu", "Non-linearity after each convolution.", title="Activation")
    batch_norm: bool = setting(
        True, "A normalisation after each convolution; off: none.", title="Normalise each convolution"
    )

    @property
    def has_batch_norm(self) -> bool:
        return self.batch_norm and self.norm == "batch"


class CifarResNet(NormedModel):
    """CIFAR ResNet (He et al. 2016): 3x3 stem of 16*width channels, three stages of `blocks` blocks, global pooling."""

    min_size: ClassVar[int] = 8
    paper: ClassVar[str] = "He et al., Deep Residual Learning, CVPR 2016"
    blocks: ClassVar[int]

    width: int = setting(1, "Width multiplier (ResNet20-4 has 4).", title="Width multiplier", ge=1, le=16, basic=True)
    activation: Activation = setting("relu", "Non-linearity.", title="Activation")


class ResNet20(CifarResNet):
    kind: Literal["resnet20"] = "resnet20"
    title: ClassVar[str] = "ResNet-20 (CIFAR)"
    description: ClassVar[str] = "Residual network of 20 layers for small pictures."
    blocks: ClassVar[int] = 3


class ResNet32(CifarResNet):
    kind: Literal["resnet32"] = "resnet32"
    title: ClassVar[str] = "ResNet-32 (CIFAR)"
    description: ClassVar[str] = "Residual network of 32 layers for small pictures."
    blocks: ClassVar[int] = 5


class ResNet56(CifarResNet):
    kind: Literal["resnet56"] = "resnet56"
    title: ClassVar[str] = "ResNet-56 (CIFAR)"
    description: ClassVar[str] = "Residual network of 56 layers for small pictures."
    blocks: ClassVar[int] = 9


class TorchvisionModel(NormedModel):
    """A torchvision network; weights may be ImageNet's where they are on the machine."""

    min_size: ClassVar[int] = 32
    channels_only: ClassVar[int | None] = 3
    pretrained: ClassVar[bool] = True


class TorchvisionResNet(TorchvisionModel):
    paper: ClassVar[str] = "He et al., Deep Residual Learning, CVPR 2016"
    stem: Literal["imagenet", "cifar"] = setting(
        "imagenet", "First layers: 7x7 stride 2 with pooling, or 3x3 stride 1 for small pictures.", title="Stem",
        basic=True,
    )  # fmt: skip


class ResNet18(TorchvisionResNet):
    kind: Literal["resnet18"] = "resnet18"
    title: ClassVar[str] = "ResNet-18"
    description: ClassVar[str] = "Residual network of 18 layers, from torchvision."


class ResNet34(TorchvisionResNet):
    kind: Literal["resnet34"] = "resnet34"
    title: ClassVar[str] = "ResNet-34"
    description: ClassVar[str] = "Residual network of 34 layers, from torchvision."


class ResNet50(TorchvisionResNet):
    kind: Literal["resnet50"] = "resnet50"
    title: ClassVar[str] = "ResNet-50"
    description: ClassVar[str] = "Residual network of 50 layers, from torchvision."


class ResNet152(TorchvisionResNet):
    kind: Literal["resnet152"] = "resnet152"
    title: ClassVar[str] = "ResNet-152"
    description: ClassVar[str] = "Residual network of 152 layers, from torchvision."


class DenseNet121(TorchvisionModel):
    kind: Literal["densenet121"] = "densenet121"
    title: ClassVar[str] = "DenseNet-121"
    description: ClassVar[str] = "Densely connected network of 121 layers, from torchvision."
    paper: ClassVar[str] = "Huang et al., Densely Connected Convolutional Networks, CVPR 2017"


class MobileNetV2(TorchvisionModel):
    kind: Literal["mobilenet_v2"] = "mobilenet_v2"
    title: ClassVar[str] = "MobileNetV2"
    description: ClassVar[str] = "Network of inverted residuals for phones, from torchvision."
    paper: ClassVar[str] = "Sandler et al., MobileNetV2, CVPR 2018"


Family = Literal["torchvision", "hugging_face", "clip"]


class VisionTransformer(Model):
    kind: Literal["vit"] = "vit"
    title: ClassVar[str] = "Vision transformer"
    description: ClassVar[str] = "Vision transformer from torchvision, small by default. It has no batch norm."
    paper: ClassVar[str] = "Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021"
    channels_only: ClassVar[int | None] = 3
    min_size: ClassVar[int] = 8

    patch: int = setting(
        4, "Side of a patch in pixels; must divide the picture's side.", title="Patch", ge=1, le=32, basic=True
    )
    depth: int = setting(4, "Encoder blocks.", title="Depth", ge=1, le=24)
    heads: int = setting(4, "Attention heads; must divide the hidden size.", title="Heads", ge=1, le=16)
    hidden: int = setting(128, "Hidden size.", title="Hidden size", ge=8, le=1024)
    family: Family = setting(
        "torchvision",
        "Whose layers: torchvision's and timm's (layer norm eps 1e-6), Hugging Face's (1e-12), or CLIP's image tower (1e-5, a"
        " layer norm in front of the blocks, patches without bias, quick GELU).",
        title="Family",
        added=True,
    )

    @property
    def usual_side(self) -> int | None:
        """Side that its kind is trained on: 224 pixels of those as large as ImageNet's."""
        return 224 if self.patch in (14, 16, 28, 32) and self.hidden >= 192 else None

    def side_for(self, side: int) -> int:
        """Whole patches: the next multiple of the patch."""
        return -(-super().side_for(side) // self.patch) * self.patch


class Mlp(Model):
    kind: Literal["mlp"] = "mlp"
    title: ClassVar[str] = "MLP"
    description: ClassVar[str] = "Dense layers on the flattened picture."

    hidden: int = setting(256, "Units of each hidden layer.", title="Hidden units", ge=1, le=4096, basic=True)
    depth: int = setting(2, "Hidden layers.", title="Hidden layers", ge=1, le=8)
    activation: Activation = setting("relu", "Non-linearity.", title="Activation", basic=True)


class Linear(Model):
    kind: Literal["linear"] = "linear"
    title: ClassVar[str] = "Linear model"
    description: ClassVar[str] = "One dense layer on the flattened picture (softmax regression)."
    kinked: ClassVar[bool] = False


AnyModel = Annotated[
    LeNet | ConvNet | ResNet20 | ResNet32 | ResNet56 | ResNet18 | ResNet34 | ResNet50 | ResNet152 | DenseNet121 | MobileNetV2 | VisionTransformer | Mlp | Linear | Cnn6 | Cnn6D | Fcn3 | CustomNet | OwnNetwork | LibraryNetwork,
    Field(discriminator="kind"),
]  # fmt: skip
