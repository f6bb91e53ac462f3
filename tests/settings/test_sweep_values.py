"""A value of a sweep's axis is the same for every experiment that is given it."""

from __future__ import annotations

from gi_core.settings.sweep import build_sweep, members


def test_a_change_inside_a_value_stays_with_its_own_experiment():
    attack = {"kind": "dlg", "adaptive": False}
    rows = [
        {"defenses": []},
        {"defenses": ["pruning"], "attack.adaptive": True},
        {"defenses": ["pruning:fraction=0.2"]},
    ]
    sweep = build_sweep(
        {"axes": [{"name": "Attack", "path": "attack", "values": [attack]}, {"name": "Defense", "values": rows}]}
    )
    found = [m.experiment for m in members(sweep)]
    assert [e.attack.adaptive for e in found] == [False, True, False] and attack["adaptive"] is False
    assert [[d.fraction for d in e.defenses] for e in found] == [[], [0.4], [0.2]]
