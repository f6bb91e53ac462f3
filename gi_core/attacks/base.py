"""An attack is a pure machine: `init(seed) -> State`, `step(State) -> (State, Step)`.

State is tensors, scalars, lists and dicts only, so it can be written to a file with
`torch.save` and read back with `weights_only=True`; live view, pause, checkpoint, resume, tests
and the command line all drive the same two functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from gi_core.types.attacker_parts import Tried

State = dict[str, Any]


class Refused(ValueError):
    """The attack cannot work on this update; the message is one sentence that says why."""


@dataclass(frozen=True)
class LayerReport:
    """What a recursion found of one layer's input.

    name: the layer's module. route: how it was solved, in words of `analysis.rank`. unknowns, rank,
    deficiency: of the equations that were solved. condition: largest over smallest singular value.
    residual: relative, of those equations. error: relative error expected of the recovered values.
    preview: the values recovered, (C, H, W) or (D,), float32 on the CPU.
    """

    name: str
    route: str
    unknowns: int
    rank: int
    deficiency: int
    condition: float
    residual: float
    error: float
    preview: Tensor
    note: str = ""


@dataclass(frozen=True)
class Step:
    """One iteration, for every trial at once.

    iteration: counted from 1. losses: name -> (T,) float64 on the CPU; `total` is always there.
    images: (T, N, C, H, W) in pixel units (denormalised), NOT clamped; shares memory with the
    state, so copy it to keep it. labels: (T, N) recovered labels. best: index of the trial that
    the attacker's own score prefers. score: (T,) that score, lower is better. rate: learning rate
    or damping. done: nothing more to do; note: why, in words ("" while running).
    events: things worth logging ("trial 2 restarted: diverged"). layer: of a recursion, the layer that
    this step recovered (of the trial `best`). begun: how many trials have begun, the first ones; None: all.
    tried: of an ensemble, what became of its members so far.
    """

    iteration: int
    losses: dict[str, Tensor]
    images: Tensor
    labels: Tensor
    best: int
    score: Tensor
    rate: float
    done: bool = False
    note: str = ""
    events: tuple[str, ...] = field(default=())
    layer: LayerReport | None = None
    begun: int | None = None
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """What the equations of a closed form prove of its answer, wherever another picture may lie. by: what was solved, one clause. open: what
    they leave open, one clause; "" where one answer alone fulfils them. error: relative error of the picture that rounding leaves,
    None where it was not worked out.
    """

    by: str
    open: str = ""
    error: float | None = None


class Attack(Protocol):
    """A machine, made from (settings, Update, Knowledge, plan) by `attacks.make`."""

    def init(self, seed: int) -> State:
        """The state before the first iteration. Same seed, device and plan: same state."""

    def step(self, state: State) -> tuple[State, Step]:
        """One iteration. The state given is consumed (its tensors may be reused)."""

    def residual(self, state: State) -> dict[str, float]:
        """Relative gradient residual ||g_l - g*_l|| / ||g*_l|| of each tensor, best trial."""

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """The attacker's chosen reconstruction: images (N, C, H, W) in pixels, labels (N,)."""


@runtime_checkable
class Certified(Protocol):
    """A machine whose equations say whether they determine its answer."""

    def certificate(self, state: State) -> Certificate | None:
        """Of an attack that has ended; None where its equations prove nothing."""


def stream(attack: Attack, state: State) -> Iterator[tuple[State, Step]]:
    """Drive an attack to its end."""
    done = False
    while not done:
        state, step = attack.step(state)
        done = step.done
        yield state, step
