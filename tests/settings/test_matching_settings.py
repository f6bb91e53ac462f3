"""What a gradient matching reads stands once: in the settings of its kind, or in what the kind leaves out."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest

from gi_core.settings import ATTACKS
from gi_core.settings.attacks import Dlg, Matching
from gi_core.settings.base import setting
from gi_core.settings.matching_base import LEFT_OUT

KINDS = sorted(kind for kind, cls in ATTACKS.items() if issubclass(cls, Matching))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_value_for_whatever_the_machine_reads(kind):
    cls = ATTACKS[kind]
    attack = cls()
    for name, value in LEFT_OUT.items():
        if name in cls.model_fields:
            assert getattr(attack, name) == cls.model_fields[name].default
        else:
            assert getattr(attack, name) == value and name not in attack.model_dump()
    assert attack.step_decay in ("cosine", "steps", "none")


def test_what_is_left_out_cannot_be_set_and_what_a_kind_sets_is_its_own():
    with pytest.raises(ValueError, match="Extra inputs"):
        Dlg(group_weight=1.0)

    class Grouped(Matching):
        kind: Literal["grouped"] = "grouped"
        title: ClassVar[str] = "Grouped"
        group_weight: float = setting(0.5, "Weight of the group.")

    assert Grouped().group_weight == 0.5 and Grouped(group_weight=2).group_weight == 2 and Grouped().objective == "l2"


def test_settling_chooses_what_was_left_to_chance_and_nothing_else():
    dlg = ATTACKS["dlg"]
    assert (
        dlg().settled().small_gradients == "observed_delta" and dlg(trials=1).settled().small_gradients == "published"
    )
    assert dlg(small_gradients="published").settled() == dlg(small_gradients="published")
    assert dlg(parametrisation="deep_image_prior").settled().learning_rate == 1.0
    for kind in ("inverting_gradients", "grad_inversion"):
        asked = ATTACKS[kind](parametrisation="generator", generator="x.pt")
        made = asked.settled()
        assert (made.signed, made.boxed, made.learning_rate) == (False, False, asked.learning_rate / 10)
        assert ATTACKS[kind]().settled() == ATTACKS[kind]()
    deep = ATTACKS["fl_gradient_inversion"]().settled(20)
    assert (deep.parametrisation, deep.signed, deep.boxed) == ("deep_image_prior", False, False)
    assert deep.learning_rate == 0.1 / 10 and deep.batch_norm_weight == 1.0
