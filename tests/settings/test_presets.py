"""Published configurations by name."""

from __future__ import annotations

import pytest

from gi_core.settings import ATTACKS, SpecError, parse_component

PRESETS = [(kind, name) for kind, cls in ATTACKS.items() for name in cls.presets]


@pytest.mark.parametrize(("kind", "name"), PRESETS)
def test_every_preset_is_valid_and_what_stands_beside_it_wins(kind, name):
    field, value = ("iterations", 7) if "iterations" in ATTACKS[kind].model_fields else ("labels", "infer")
    found = parse_component("attack", f"{kind}:{field}={value},preset={name}")
    expected = {**ATTACKS[kind].presets[name], field: value}
    assert {k: getattr(found, k) for k in expected} == expected


def test_an_unknown_preset_suggests_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'paper'"):
        parse_component("attack", "inverting_gradients:preset=papr")
