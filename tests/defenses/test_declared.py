"""What a defense says of itself is what it does, and one that says nothing is never taken for harmless."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal, get_args

import pytest
import torch

from gi_core.attacks import make
from gi_core.attacks.adaptive.knowledge import delta_is_true
from gi_core.defenses.base import Defense, Sent
from gi_core.defenses.reading import read_defense
from gi_core.settings import ATTACKS, DEFENSES, SpecError, problems
from gi_core.settings.attack_base import KNOWN
from gi_core.settings.base import setting
from gi_core.settings.defense_base import DefenseSettings, Perturbation, Revealed
from gi_core.settings.knowing import why_idle
from tests.attacks.test_table import FITTING, TINY_ATTACKS, TINY_DEFENSES
from tests.victims import PLAN, advance, experiment, play


class Silent(DefenseSettings):
    """Says nothing of how it perturbs."""

    kind: Literal["silent"] = "silent"
    title: ClassVar[str] = "Silent"
    description: ClassVar[str] = "Does something."

    strength: float = setting(1.0, "How much.", basic=True)


class Opaque(Silent):
    kind: Literal["opaque"] = "opaque"  # type: ignore[assignment]
    title: ClassVar[str] = "Opaque"
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("opaque",)


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_every_defense_declares_how_it_perturbs_and_what_it_reveals(kind):
    settings = DEFENSES[kind]
    assert settings.perturbs and set(settings.perturbs) <= set(get_args(Perturbation))
    assert settings.reveals and settings.reveals <= set(get_args(Revealed))
    assert not settings.predicted or settings.only("noise", "direction", "clearing", "rounding", "rescaling")


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_a_server_learns_what_is_declared_and_nothing_else(kind):
    _, knowledge, _ = play(experiment(defenses=TINY_DEFENSES[kind]))
    known = {*knowledge.defenses[0]} - {"kind"}
    assert known and known <= DEFENSES[kind].reveals


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_what_is_declared_is_what_is_seen_of_the_values(kind):
    """By the update itself: which values are zero, missing, or a common factor off."""
    alone = [{k: v for k, v in d.items() if k != "rounds"} for d in TINY_DEFENSES[kind]]  # no remainder of earlier ones
    plain, sent = play(experiment())[0], play(experiment(defenses=alone))[0]
    perturbs = set(DEFENSES[kind].perturbs)
    assert bool(sent.withheld) == ("withholding" in perturbs)
    if perturbs & {"bottleneck", "mixture", "withholding"}:
        return
    old, new = (torch.cat([t.flatten().double() for t in u.tensors.values()]) for u in (plain, sent))
    kept = new != 0
    if perturbs == {"clearing"}:
        assert not kept.all() and torch.equal(old[kept], new[kept])
    elif perturbs == {"rescaling"}:
        ratio = new[kept] / old[kept]
        assert float(ratio.std() / ratio.mean()) < 1e-3 and float(ratio.mean()) < 1
    else:
        assert float((new - old).norm()) > 0


def test_an_attack_allows_for_nothing_unless_it_says_so():
    assert all(ATTACKS[kind].allows == KNOWN for kind in ATTACKS) and "opaque" not in KNOWN
    plain = DEFENSES["gaussian_noise"]()
    asked = experiment(attack={"kind": "dlg", "adaptive": True}).model_copy(update={"defenses": (plain,)})
    assert why_idle(asked, plain) is None

    class Deaf(type(asked.attack)):
        allows: ClassVar[frozenset[Perturbation]] = frozenset()

    deaf = asked.model_copy(update={"attack": Deaf(adaptive=True)})
    assert "does not allow" in why_idle(deaf, plain)


@pytest.mark.parametrize("attack", sorted(TINY_ATTACKS))
@pytest.mark.parametrize(
    ("defense", "said"), [(Silent(), "does not say how it perturbs"), (Opaque(), "does not allow")]
)
def test_what_nobody_declared_is_told_of_and_never_harmless(attack, defense, said, monkeypatch):
    monkeypatch.setitem(DEFENSES, defense.kind, type(defense))
    asked = experiment(**FITTING[attack], attack={"kind": attack, **TINY_ATTACKS[attack], "adaptive": True})
    update, knowledge, _ = play(asked)
    assert delta_is_true(update, knowledge)
    defended = asked.model_copy(update={"defenses": (defense,)})
    exact = {kind: "takes every value for exact" for kind in ("rgap", "analytic_linear", "residual", "trained_part")}
    own = exact | dict.fromkeys(("transformer", "spear", "imprint"), "reads the size of noise off the update itself")
    words = own.get(attack, said) if isinstance(defense, Opaque) else said
    foreseen = [p.reason for p in problems(defended) if p.field == "attack.adaptive"]
    assert len(foreseen) == 1 and words.replace("takes", "take") in foreseen[0]
    behind = replace(knowledge, defenses=({"kind": defense.kind},))
    assert not delta_is_true(update, behind)
    built = make(asked.attack, update, behind, plan=PLAN, device="cpu")
    _, step = advance(built, built.init(0), 1)
    assert sum(said in event for event in step.events) == 1
    assert defense.hides_zeros() and not defense.predicted and not defense.only("noise", "rescaling", "clearing")
    naive = make(asked.attack.model_copy(update={"adaptive": False}), update, behind, plan=PLAN, device="cpu")
    assert not [e for e in advance(naive, naive.init(0), 1)[1].events if defense.title in e]


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_what_is_read_off_an_update_is_what_is_declared_and_never_guessed(kind):
    asked = experiment(defenses=TINY_DEFENSES[kind])
    update, knowledge, _ = play(asked)
    if DEFENSES[kind].unread or kind == "precode":  # whose bottleneck the network itself shows
        with pytest.raises(SpecError, match="cannot be read off an update"):
            read_defense(asked.defenses[0], knowledge.model, update, None)
        return
    read = read_defense(asked.defenses[0], knowledge.model, update, None)
    assert read["kind"] == kind and {*read} - {"kind"} <= DEFENSES[kind].reveals
    with pytest.raises(SpecError, match="what a server knows of Silent cannot be read"):
        Defense.read(Silent(), Sent(knowledge.model, update, None))
