"""What a client that torch runs sends, written to files and asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from gi_core import networks
from gi_core.experiments.setup import Question, ask
from gi_core.networks.trainable import client_model
from gi_core.settings import build
from gi_core.settings import networks as M
from gi_core.update_files.writing import write_npz, write_safetensors

torch.set_num_threads(1)
CPU = torch.device("cpu")
NETWORKS = {
    "lenet": (M.LeNet(width=4, init="uniform", seed=3), (3, 16, 16), 10),
    "no bias": (M.LeNet(width=4, seed=3), (3, 16, 16), 10),
    "resnet": (M.ResNet18(stem="cifar", seed=3), (3, 32, 32), 10),
}
RATE = 0.05


def network(kind: str) -> torch.nn.Module:
    settings, shape, classes = NETWORKS[kind]
    return networks.build(settings, shape, classes)


def pictures(count: int, side: int) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(5))


def side_of(net: torch.nn.Module) -> int:
    return 32 if hasattr(net, "layer4") else 16


def gradient(net: torch.nn.Module, loss=None, count: int = 1) -> dict[str, np.ndarray]:
    """Of a client that torch runs: in eval mode, with stored statistics."""
    own = client_model(net, "eval")
    labels = torch.arange(count) + 3
    (loss or F.cross_entropy)(own(pictures(count, side_of(net))), labels).backward()
    return {name: p.grad.numpy() for name, p in own.named_parameters()}


def trained(
    net: torch.nn.Module, steps: int = 1, count: int = 1, mode: str = "eval", rate: float = RATE, **more
) -> dict[str, np.ndarray]:
    """Whole state after some steps of SGD."""
    own = client_model(net, mode)
    optimiser = torch.optim.SGD(own.parameters(), rate, **more)
    for _ in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(own(pictures(count, side_of(net))), torch.arange(count) + 3).backward()
        optimiser.step()
    return {name: value.numpy() for name, value in own.state_dict().items()}


def change(net: torch.nn.Module, after: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: after[name] - value.numpy() for name, value in net.state_dict().items()}


def asked(folder: Path, net: torch.nn.Module, update: dict[str, np.ndarray], kind: str = "lenet", **values) -> Question:
    write_safetensors(folder / "ck.safetensors", {k: v.numpy() for k, v in net.state_dict().items()})
    write_npz(folder / "update.npz", update)
    settings, shape, classes = NETWORKS[kind]
    files = {"checkpoint": str(folder / "ck.safetensors"), "update": str(folder / "update.npz"), "images": 1}
    files |= values.pop("recorded", {})
    document = {
        "samples": ["bundled/faces:0"] * files["images"], "recorded": files, "size": shape[1], "channels": 3,
        "model": settings.model_copy(update={"classes": classes, "seed": 8}).model_dump(mode="json"), "client": {"kind": "fedsgd"},
        "attack": {"kind": "inverting_gradients", "labels": "auto"},
    }  # fmt: skip
    return ask(build(document | values), CPU, lambda fraction, text: None)


def said(question: Question) -> str:
    return " | ".join(question.pictures.notices)


def near(question: Question, net: torch.nn.Module, scale: float = 1.0, count: int = 1) -> float:
    """How far what an attack is given is from the true gradient, relative."""
    from gi_core.attacks.client_round.local_steps import as_mean_gradient

    got = as_mean_gradient(question.round.update, question.round.knowledge.schedule).tensors
    true = gradient(net, count=count)
    apart = sum(float(np.square(got[k].numpy() - scale * true[k]).sum()) for k in true)
    return (apart / sum(float(np.square(v).sum()) for v in true.values())) ** 0.5
