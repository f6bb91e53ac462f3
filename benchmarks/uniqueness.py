"""Whether "unique" may be believed: planted twins, and small networks where another picture is searched for with another code.

`python -m benchmarks uniqueness`. *Planted*: 20 networks that are blind to a part of the picture by the way they are built; the free
directions must be counted, and a twin be found. *Claims*: 1,000 networks on up to 16 pixels, drawn by a seed, a third of them blind. Where the
answer is called unique, `STARTS` pictures about it are brought back onto the update by Gauss-Newton steps, with Jacobians of torch.func.
A claim is wrong where one arrives elsewhere, or where the network is blind.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacfwd, vmap

from gi_core.analysis import twins, uniqueness
from gi_core.analysis.uniqueness import Seen
from gi_core.networks.losses import as_target, cross_entropy
from gi_core.numerics.rounding import ROUNDED
from gi_core.types.updates import Knowledge

PLANTED, CLAIMS, SEED = 20, 1000, 17
STARTS, STEPS, FAR, ARRIVED = 8, 12, 0.03, 1e-10
"""Pictures searched from, Gauss-Newton steps of each, their distance from the answer (standard deviation per pixel), and what is left of the update
where all have arrived.
"""
ACTIVATIONS = (nn.Tanh, nn.Sigmoid, nn.Softplus, nn.ReLU)


class Case:
    """A network on a picture x (1, 1, side, side), and what is known of it. hidden: directions that it is blind to by its build."""

    def __init__(self, layers: list[nn.Module], side: int, classes: int, draw: random.Random, hidden: int = 0):
        torch.manual_seed(draw.randrange(2**31))
        for layer in layers:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        self.model, self.hidden = nn.Sequential(*layers).double(), hidden
        self.x = torch.rand(1, 1, side, side, dtype=torch.float64)
        self.labels = torch.tensor([draw.randrange(classes)])
        self.knowledge = Knowledge(self.model.float(), (1, side, side), classes, (0.0,), (1.0,))
        self.seen = Seen()

    def withhold_first(self) -> None:
        """As of a client that does not send its first layer."""
        names = [name for name, _ in self.model.named_parameters()]
        first = names[0].split(".")[0]
        kept = tuple(torch.full_like(p, float(not n.startswith(f"{first}."))) for n, p in self.model.named_parameters())
        self.seen = Seen(kept=kept)

    def examined(self) -> uniqueness.Uniqueness:
        return uniqueness.examine(self.knowledge, self.x, self.labels, ROUNDED, seen=self.seen)


def planted(number: int) -> Case:
    """One of the 20: a stride that skips pixels, pooling in front, too few values sent, columns of zeros in a layer that is not sent."""
    draw = random.Random(SEED * 1000 + number)
    side, act = 8, draw.choice(ACTIVATIONS[:3])
    if number % 4 == 0:
        layers = [nn.Conv2d(1, 8, 1, stride=2), act(), nn.Flatten(), nn.Linear(8 * 16, 5)]
        return Case(layers, side, 5, draw, hidden=64 - 16)
    if number % 4 == 1:
        layers = [nn.AvgPool2d(2), nn.Conv2d(1, 6, 3, padding=1), act(), nn.Flatten(), nn.Linear(6 * 16, 5)]
        return Case(layers, side, 5, draw, hidden=64 - 16)
    if number % 4 == 2:
        layers = [
            nn.Conv2d(1, 1, 5, stride=2, padding=2),
            act(),
            nn.Conv2d(1, 1, 3, stride=2),
            act(),
            nn.Flatten(),
            nn.Linear(1, 3),
        ]
        return Case(layers, side, 3, draw, hidden=64 - (26 + 10 + 6))
    case = Case([nn.Flatten(), nn.Linear(64, 80), act(), nn.Linear(80, 5)], side, 5, draw, hidden=20)
    columns = draw.sample(range(64), 20)
    with torch.no_grad():
        case.model[1].weight[:, columns] = 0
    case.withhold_first()
    return case


def claim(number: int) -> Case:
    """One of the 1,000."""
    draw = random.Random(SEED * 1_000_000 + number)
    side, classes, act = draw.choice([2, 3, 4]), draw.choice([2, 3, 5]), draw.choice(ACTIVATIONS)
    width, bias, inside = draw.randint(1, 8), draw.random() < 0.7, side * side
    if number % 3 == 0 and side == 4:
        layers = [nn.AvgPool2d(2), nn.Conv2d(1, width, 2, bias=bias), act(), nn.Flatten(), nn.Linear(width, classes)]
        return Case(layers, side, classes, draw, hidden=12)
    if draw.random() < 0.5:
        layers = [
            nn.Conv2d(1, width, 2, padding=1, bias=bias),
            act(),
            nn.Flatten(),
            nn.Linear(width * (side + 1) ** 2, classes),
        ]
    else:
        layers = [nn.Flatten(), nn.Linear(inside, width, bias=bias), act(), nn.Linear(width, classes)]
    case = Case(layers, side, classes, draw)
    if draw.random() < 0.3:
        case.withhold_first()
    return case


def elsewhere(case: Case, starts: int = STARTS) -> float:
    """The largest distance per pixel from the answer of a picture that explains the update as well, of those that searches end at."""
    model = case.knowledge.model.double()
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    kept = torch.cat([k.reshape(-1) for k in case.seen.kept]).bool() if case.seen.kept else None

    def sent(x: Tensor) -> Tensor:
        def loss(theta: dict[str, Tensor]) -> Tensor:
            return cross_entropy(functional_call(model, theta, (x.view_as(case.x),)), target)

        flat = torch.cat([g.reshape(-1) for g in grad(loss)(parameters).values()])
        return flat if kept is None else flat[kept]

    target = as_target(case.labels, case.knowledge.classes, case.x)
    answer = case.x.reshape(-1)
    wanted = sent(answer)
    noise = torch.randn(starts, len(answer), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z = answer + FAR * noise
    both = vmap(jacfwd(lambda x: (sent(x),) * 2, has_aux=True))
    for _ in range(STEPS):
        jacobians, there = both(z)
        if float((there - wanted).norm(dim=1).max()) < ARRIVED * float(wanted.norm()):
            break
        step = torch.linalg.lstsq(jacobians, (there - wanted)[..., None], driver="gelsd", rcond=1e-9).solution[..., 0]
        z = torch.where(torch.isfinite(step), z - step, z)
    left = (vmap(sent)(z) - wanted).norm(dim=1) / wanted.norm()
    apart = (z - answer).square().mean(1).sqrt()
    same = (left <= ROUNDED) & (apart < 10 * FAR)  # farther off may be another answer, of which nothing was said
    return float(apart[same].max()) if bool(same.any()) else 0.0


def wrong(case: Case) -> tuple[bool, bool]:
    """(called unique, wrongly so)."""
    found = case.examined()
    if not found.unique:
        return False, False
    assert found.expected_error is not None
    return True, case.hidden > 0 or elsewhere(case) > max(10 * found.expected_error, 1e-4)


def counted(case: Case) -> dict[str, Any]:
    """Of a planted one: the free directions found, and its twin."""
    found = case.examined()
    twin = twins.find(case.knowledge, case.x, case.labels, found.null, case.seen)
    return {
        "hidden": case.hidden, "free": found.free, "apart": twin.apart if twin else None, "misfit": twin.misfit if twin else None,
        "found": found.unique is False and found.free >= case.hidden and twin is not None,
    }  # fmt: skip


def uniqueness_claims() -> Iterator[dict[str, Any]]:
    """Rows for `python -m benchmarks`."""
    rows = [counted(planted(number)) for number in range(PLANTED)]
    yield {
        "part": "planted",
        "of": PLANTED,
        "found": sum(r["found"] for r in rows),
        "nearest": min(r["apart"] or 0 for r in rows),
    }
    said = [wrong(claim(number)) for number in range(CLAIMS)]
    yield {"part": "claims", "of": CLAIMS, "called_unique": sum(u for u, _ in said), "wrong": sum(w for _, w in said)}
