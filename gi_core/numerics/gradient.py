"""g(x) = dL/dtheta of a client's round, for every trial at once, with the graph back to x.

One trial runs through plain autograd; several through `vmap(grad)`. Nothing is ever
accumulated into the model: its weights are constants of the attack.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from gi_core.networks import set_batch_norm
from gi_core.networks.bottleneck import penalised
from gi_core.networks.losses import Loss, soft
from gi_core.networks.prepared import facts, last_layer
from gi_core.numerics.convolutions import replaced
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge

# Said by torch whenever oneDNN is switched on a machine without Intel's GPU; it concerns nobody here.
warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")


def soft_loss(loss: Loss, name: str = "cross_entropy") -> Loss:
    """A loss, of that name, against the target of free numbers (N, K), which are optimised too (DLG)."""
    return lambda logits, label_logits: loss(logits, soft(label_logits, name))


def linear_loss(logits: Tensor, delta: Tensor) -> Tensor:
    """<delta, f(x)>: its parameter gradient is J_theta^T delta, without the softmax."""
    return (delta * logits).sum()


class GradientMap:
    """x, target -> one tensor per parameter, (T, *shape), differentiable in x and target.

    knowledge: whose model and batch-norm mode are used (on a copy). loss(logits, target) -> scalar.
    """

    def __init__(self, knowledge: Knowledge, loss: Loss, plan: Plan, dtype: torch.dtype, device: torch.device):
        model = set_batch_norm(knowledge.model, knowledge.batch_norm)
        self.model = model.to(device=device, dtype=dtype).requires_grad_(True)
        self.channels_last = plan.channels_last
        if self.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.convolutions = replaced(self.model) if device.type == "cpu" else []
        self.plan, self.loss = plan, penalised(self.model, loss)
        self.parameters = {k: p.detach() for k, p in self.model.named_parameters()}
        self.leaves = list(self.model.parameters())
        self.unused = facts(self.model) is not None  # a person's own network may leave some of its weights aside
        self._batched = vmap(grad(self._one), in_dims=(None, 0, 0))

    def _one(self, parameters: dict[str, Tensor], x: Tensor, target: Tensor) -> Tensor:
        return self.loss(functional_call(self.model, parameters, (x,)), target)

    def __call__(
        self, x: Tensor, target: Tensor, only: Sequence[int] | None = None, graph: bool = True
    ) -> list[Tensor]:
        """x (T, N, C, H, W), target (T, N, K) -> gradients, of the parameters `only` if given. graph: whether they can be
        differentiated once more, which keeps every layer's values.
        """
        self.apart(len(x) == 1)
        if x.shape[0] > 1:
            batched = list(self._batched(self.parameters, x, target).values())
            return batched if only is None else [batched[i] for i in only]
        picture = x[0]
        if self.channels_last:
            picture = picture.contiguous(memory_format=torch.channels_last)
        loss = self.loss(self.model(picture), target[0])
        wanted = self.leaves if only is None else [self.leaves[i] for i in only]
        found = torch.autograd.grad(loss, wanted, create_graph=graph, allow_unused=self.unused)
        return [(torch.zeros_like(p) if g is None else g)[None] for p, g in zip(wanted, found, strict=True)]

    def apart(self, alone: bool) -> None:
        """Whether what follows is plain autograd on one trial, or `torch.func` on several."""
        for layer in self.convolutions:
            layer.alone = alone

    def running(self) -> contextlib.AbstractContextManager[None]:
        """Kernels of the plan; everything that evaluates or differentiates runs inside."""
        return kernels(self.plan)


@contextlib.contextmanager
def kernels(plan: Plan) -> Iterator[None]:
    """oneDNN switched as the plan says (it is slower than the plain kernels on tiny networks)."""
    before = torch.backends.mkldnn.enabled
    if not plan.device.startswith("cpu") or plan.onednn == before:
        yield
        return
    torch.backends.mkldnn.set_flags(plan.onednn)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(before)


class _Pull(torch.autograd.Function):
    """A number whose gradient in each output is its cotangent."""

    @staticmethod
    def forward(ctx, cotangents: Sequence[Tensor], *outputs: Tensor) -> Tensor:
        ctx.cotangents = cotangents
        return outputs[0].new_zeros(())

    @staticmethod
    def backward(ctx, _: Tensor):
        return (None, *ctx.cotangents)


def pull(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor], **how
) -> tuple[Tensor, ...]:
    """As `torch.autograd.grad(outputs, inputs, cotangents)`, without its import of a library for symbolic algebra,
    which takes a third of a second.
    """
    return torch.autograd.grad(_Pull.apply(cotangents, *outputs), inputs, **how)


def last_dense(model: nn.Module) -> nn.Linear | None:
    """The last layer if it is dense (`networks.prepared.last_layer`)."""
    found = last_layer(model)
    return found[1] if found is not None else None
