"""The plain textbook loop: what gradient matching looks like when nobody tunes it.

`zero_grad`, loss, gradient with graph, distance, `backward()` into picture and parameters, step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def textbook_cosine(
    model: nn.Module, target: list[Tensor], x: Tensor, label: Tensor, tv: float, lr: float, into: str = "everything"
):
    """Signed Adam on 1 - cosine + tv TV; a generator that makes one iteration at each `next`.

    into: what the second `backward()` differentiates into, `everything` (the plain call, the model's weights too) or the
    `picture` alone (`inputs=[x]`).
    """
    x = x.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([x], lr=lr)
    parameters = list(model.parameters())
    for p in parameters:
        p.requires_grad_(True)
    while True:
        optimiser.zero_grad()
        model.zero_grad()
        loss = nn.functional.cross_entropy(model(x), label)
        gradient = torch.autograd.grad(loss, parameters, create_graph=True)
        dot = norm = norm_target = 0.0
        for g, t in zip(gradient, target, strict=True):
            dot = dot + (g * t).sum()
            norm = norm + g.pow(2).sum()
            norm_target = norm_target + t.pow(2).sum()
        cost = 1 - dot / norm.sqrt() / norm_target.sqrt()
        cost = cost + tv * (x.diff(dim=-1).abs().mean() + x.diff(dim=-2).abs().mean())
        cost.backward(inputs=None if into == "everything" else [x])
        x.grad.sign_()
        optimiser.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        yield x.detach(), float(cost.detach())


def textbook_dlg(
    model: nn.Module, target: list[Tensor], x: Tensor, classes: int, label: Tensor | None, steps: int = 300
):
    """DLG (label None: soft labels too) or iDLG with torch.optim.LBFGS; yields (picture, distance) a step."""
    x = x.clone().requires_grad_(True)
    soft = torch.randn(1, classes).requires_grad_(True)
    optimiser = torch.optim.LBFGS([x, soft] if label is None else [x])
    parameters = list(model.parameters())
    for p in parameters:
        p.requires_grad_(True)

    def closure() -> Tensor:
        optimiser.zero_grad()
        logits = model(x)
        if label is None:
            loss = -(soft.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
        else:
            loss = nn.functional.cross_entropy(logits, label)
        gradient = torch.autograd.grad(loss, parameters, create_graph=True)
        distance = sum(((g - t) ** 2).sum() for g, t in zip(gradient, target, strict=True))
        distance.backward()
        return distance

    for _ in range(steps):
        distance = optimiser.step(closure)
        yield x.detach(), float(distance.detach())
