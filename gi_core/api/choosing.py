"""Which attacks `attack="auto"` tries on an update, the strongest first, and why it leaves others out.

    closed forms that go through the network  ->  Levenberg-Marquardt where it is smooth  ->  gradient matching

The attacker's own evidence decides: the first answer that explains the update is taken, else the one that explains most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gi_core.attacks.client_round.local_steps import one_step
from gi_core.clients.fedavg import schedule_of
from gi_core.common.errors import SpecError
from gi_core.settings.chain import Block, chain
from gi_core.settings.client import FedAvg
from gi_core.settings.client_base import Client
from gi_core.settings.closed_form_attacks import (
    AnalyticLinear,
    ClosedForm,
    Peeling,
    ResidualRecursion,
    RGap,
    Transformer,
)
from gi_core.settings.defense_base import DefenseSettings
from gi_core.settings.graph import Graph
from gi_core.settings.network_base import Model
from gi_core.settings.recursion_checks import refusal
from gi_core.settings.transformer_checks import BOTTLENECK, NO_TOKENS, STEPS_MIX, unsummed

CLOSED: tuple[type[ClosedForm], ...] = (Transformer, AnalyticLinear, RGap, Peeling, ResidualRecursion)
SECOND_ORDER = 3 * 64 * 64
"""Most values of the pictures that Levenberg-Marquardt is tried on: a step takes up to 200 products with the Jacobian."""
DEEP = 8
"""Convolutions from which a network with batch norm is searched by an untrained decoder: as pixels nothing comes back."""


@dataclass(frozen=True)
class Facts:
    """What decides. graph: the network's layers, None where it is not drawn; why: then the sentence. values: of all pictures. tokens:
    whether it adds positions to patches."""

    model: Model
    client: Client
    defenses: tuple[DefenseSettings, ...]
    images: int
    values: int
    labels_known: bool
    graph: Graph | None
    why: str = ""
    tokens: bool = False

    @property
    def one_gradient(self) -> bool:
        """Whether the update is a known factor times one gradient."""
        client = self.client
        return one_step(schedule_of(client, self.images) if isinstance(client, FedAvg) else None)

    @property
    def convolutions(self) -> int:
        """How many there are; many where the network is not drawn."""
        return DEEP if self.graph is None else sum(layer.kind == "conv" for layer in self.graph.layers)


def ladder(facts: Facts) -> tuple[list[str], list[str]]:
    """(attacks as a command line writes them, the strongest first; a sentence for each that was left out)."""
    found: list[str] = []
    why: dict[str, list[str]] = {}
    for kind, reason in (*_closed(facts), ("levenberg_marquardt", _second_order(facts))):
        (why.setdefault(reason, []) if reason else found).append(kind)
    left = [f"{', '.join(kinds)}: {reason}" for reason, kinds in why.items()]
    normed = facts.model.has_batch_norm and (facts.client.batch_norm == "train" or facts.convolutions >= DEEP)
    found.append("fl_gradient_inversion:preset=deep_network" if normed else "inverting_gradients")
    return found, left


def _closed(facts: Facts) -> Iterator[tuple[str, str]]:
    """Each closed form with the reason why it is left out, "" where it is tried."""
    blocks: tuple[Block, ...] = ()
    general = _no_recursion(facts)
    if not general and facts.graph is not None:
        blocks = chain(facts.graph)
    for cls in CLOSED:
        kind = str(cls.model_fields["kind"].default)
        if cls is Transformer:
            yield kind, _no_transformer(facts)
            continue
        norm, shared = facts.client.batch_norm, facts.client.statistics == "shared"
        reason = general or refusal(cls, blocks, facts.images, norm, shared) or ""
        if not reason and cls is RGap and not facts.model.one_logit:
            reason = "peeling does the same without the label"
        yield kind, reason


def _no_transformer(facts: Facts) -> str:
    """Why the closed form of transformers is not tried."""
    if not facts.tokens:
        return NO_TOKENS
    if facts.images > 1 and not facts.one_gradient:
        return STEPS_MIX
    if facts.client.own_loss:
        return "a closed form begins at a loss that it knows, and this one is your own"
    if any("bottleneck" in d.perturbs for d in facts.defenses):
        return BOTTLENECK
    return unsummed(facts.client) if isinstance(facts.client, FedAvg) else ""


def _no_recursion(facts: Facts) -> str:
    """Why no closed form is tried, whichever it is."""
    if facts.images > 1:
        return f"of {facts.images} pictures a recursion gives one mixture"
    if not facts.one_gradient:
        return "the update is not one gradient"
    if facts.client.own_loss:
        return "a recursion begins at a loss that it knows, and this one is your own"
    noisy = [d.title for d in facts.defenses if not d.only("rescaling")]
    if noisy:
        return f"a recursion takes the update for exact, and {noisy[0].lower()} changed it"
    return "" if facts.graph is not None else facts.why


def _second_order(facts: Facts) -> str:
    """Why Levenberg-Marquardt is not tried; "" where it is."""
    if facts.model.kinked:
        return "it stalls at the kinks of ReLU"
    if not facts.one_gradient:
        return "the update is not one gradient"
    if facts.values > SECOND_ORDER:
        return f"{facts.values} values are too many for it"
    if facts.client.own_loss and not facts.labels_known and facts.images > 1:
        return "without labels it needs one picture"
    return ""


def labels_for(attack: str, facts: Facts) -> dict[str, str]:
    """The label strategy of an attack, where the person named none. Raises SpecError."""
    if facts.labels_known:
        return {"labels": "known"}
    alone = facts.images == 1 and facts.model.last_bias
    if attack.startswith("levenberg_marquardt"):
        return {"labels": "observed_delta" if alone else "auto"}
    if not facts.client.own_loss:
        return {}
    if not alone:
        raise SpecError("the targets of a loss of your own are not in this update: give them as labels")
    return {"labels": "observed_delta"}
