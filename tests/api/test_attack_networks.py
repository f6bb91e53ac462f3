"""gi.attack on networks that need care: attention, weights left aside, what has no second derivative, a ResNet of torchvision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gi_core as gi
from gi_core.common.vision import import_torchvision
from tests.api.nets import attacked, gradients, picture, psnr


@pytest.fixture(autouse=True)
def home(gi_home):
    return gi_home


class Attentive(nn.Module):
    """A transformer as torch offers it: in eval mode it takes fused kernels, which have no second derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = tokens + F.scaled_dot_product_attention(tokens, tokens, tokens)
        return self.head(self.encoder(tokens).mean(1))


@pytest.mark.parametrize("attack", ["levenberg_marquardt:iterations=2", "inverting_gradients:iterations=2,trials=3"])
def test_attention_with_fused_kernels(attack):
    torch.manual_seed(0)
    model, x = Attentive().eval(), picture()
    fast, fused = torch.backends.mha.get_fastpath_enabled(), torch.backends.cuda.flash_sdp_enabled()
    result = attacked(model, gradients(model, x), attack=attack)
    assert result.residual < 1 and result.labels.tolist() == [3]
    assert (torch.backends.mha.get_fastpath_enabled(), torch.backends.cuda.flash_sdp_enabled()) == (fast, fused)


class Chooses(nn.Module):
    """Uses one of two layers, by the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.bright, self.dark = nn.Linear(768, 5), nn.Linear(768, 5)

    def forward(self, x):
        return (self.bright if x.mean() > 0 else self.dark)(x.flatten(1))


@pytest.mark.parametrize("client", [None, "fedavg:epochs=2,learning_rate=0.1"])
def test_weights_that_the_picture_does_not_use(client):
    torch.manual_seed(0)
    model, x = Chooses(), picture()
    sent = gi.client(model, x, [3], client=client)
    assert not sent.tensors["dark.weight"].any() and sent.tensors["bright.weight"].any()
    given = {name: None if name.startswith("dark") else t for name, t in sent.tensors.items()}
    result = attacked(model, given, labels=[3], client=client, attack="inverting_gradients:iterations=150")
    assert psnr(result, x) > 25


def test_an_operation_that_torch_cannot_differentiate_is_named():
    class Distances(nn.Module):
        """Between its layers an operation whose derivative has no derivative."""

        def __init__(self) -> None:
            super().__init__()
            self.near, self.fc = nn.Linear(768, 8), nn.Linear(5, 5)

        def forward(self, x):
            places = torch.eye(5, 8).to(x).expand(len(x), 5, 8)
            return self.fc(torch.cdist(self.near(x.flatten(1))[:, None], places, p=1.5)[:, 0])

    model, x = Distances(), picture()
    with pytest.raises(gi.SpecError, match="torch cannot differentiate this network .* not implemented"):
        attacked(model, gradients(model, x), labels=[3], attack="inverting_gradients:iterations=2")


@pytest.mark.slow
def test_torchvisions_resnet_is_computed_layer_by_layer():
    import_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    model, x = resnet18(num_classes=10).eval(), F.interpolate(picture(), size=(32, 32), mode="bilinear")
    update = gradients(model, (x - 0.5) / 0.25, 7)
    result = gi.attack(model, update, (3, 32, 32), normalise=(0.5, 0.25), progress=False)
    assert any(text.startswith("residual: ") and text.endswith("kept") for text in result.tried)
    assert result.matched and result.labels.tolist() == [7]
    assert psnr(result, x) > 60


def test_a_transformer_of_ones_own_is_solved_in_closed_form():
    """Torchvision's, as a person makes it: its head starts at zero, where nothing below has a gradient."""
    import_torchvision()
    from torchvision.models import VisionTransformer

    torch.manual_seed(0)
    model, x = VisionTransformer(32, 8, 2, 4, 64, 128, num_classes=10).eval(), F.interpolate(picture(), size=(32, 32))
    nn.init.normal_(model.heads.head.weight, std=0.1)
    result = gi.attack(model, gradients(model, x, 7), (3, 32, 32), progress=False)
    assert any(text.startswith("transformer: ") and text.endswith("kept") for text in result.tried)
    assert result.matched and result.labels.tolist() == [7]
    assert psnr(result, x) > 70
    with pytest.raises(gi.SpecError, match="a head that starts at zero"):
        nn.init.zeros_(model.heads.head.weight)
        gi.attack(model, gradients(model, x, 7), (3, 32, 32), progress=False, attack="transformer")
