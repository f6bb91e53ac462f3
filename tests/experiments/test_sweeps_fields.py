"""What a form can vary, and a sweep as a TOML file."""

from __future__ import annotations

import pytest

from gi_core.experiments.sweeps import ready
from gi_core.experiments.sweeps.axes import strength, typed
from gi_core.experiments.sweeps.fields import FIELDS, offered
from gi_core.settings import Experiment, SpecError, build
from gi_core.settings.sweep import build_sweep, members, read_sweep
from gi_core.settings.sweep_text import to_toml

RICH = build({
    "defenses": [{"kind": "gaussian_noise", "std": 0.1}], "client": {"kind": "fedavg", "learning_rate": 0.3},
    "attack": {"kind": "inverting_gradients", "iterations": 7, "labels": "known"}, "samples": ["bundled/coffee"], "size": 16,
})  # fmt: skip


def made(base: Experiment, *axes):
    return build_sweep({"base": base.model_dump(mode="json"), "axes": [a.model_dump(mode="json") for a in axes]})


@pytest.mark.parametrize("key", FIELDS)
def test_every_field_makes_an_axis_of_its_first_values(key):
    assert set(offered(RICH)) == set(FIELDS)
    sweep = made(RICH, FIELDS[key].axis(RICH, FIELDS[key].first(RICH)))
    found = members(sweep)
    assert found[0].experiment.size == 16
    assert [m.experiment for m in members(read_sweep(to_toml(sweep).encode(), toml=True))] == [
        m.experiment for m in found
    ]


def test_the_base_keeps_its_settings_where_it_is_of_that_kind():
    attack, defense = FIELDS["attack"].axis(RICH, ["dlg", "inverting_gradients"]), FIELDS["defense"].axis(
        RICH, ["none", "gaussian_noise", "pruning"])  # fmt: skip
    found = [m.experiment for m in members(made(RICH, attack, defense))]
    assert [e.attack.kind for e in found[::3]] == ["dlg", "inverting_gradients"] and found[3].attack.iterations == 7
    assert [[d.name for d in e.defenses] for e in found[:3]] == [[], ["gaussian_noise:std=0.1"], ["pruning"]]


def test_measures_of_the_round_change_only_what_they_are():
    batch, steps = FIELDS["batch"].axis(RICH, [1, 3]), FIELDS["steps"].axis(RICH, [1, 4])
    found = [m.experiment for m in members(made(RICH, batch, steps))]
    assert [len(e.samples) for e in found] == [1, 1, 3, 3]
    assert [e.client.epochs for e in found] == [1, 4, 1, 4] and {e.client.learning_rate for e in found} == {0.3}


def test_nothing_is_offered_that_the_base_does_not_have():
    plain = offered(Experiment())
    assert "strength" not in plain and "rate" not in plain and {"width", "depth"} <= set(plain)
    assert "width" not in offered(build({"model": {"kind": "linear"}}))
    assert strength(RICH) == ("std", "Noise level")


def test_zero_epochs_is_a_fresh_network():
    found = [m.experiment.weights.kind for m in members(made(RICH, FIELDS["epochs"].axis(RICH, [0, 2])))]
    assert found == ["fresh", "trained"]


@pytest.mark.parametrize(
    ("text", "values"), [("1, 2 4;8", [1, 2, 4, 8]), ("2-4", [2, 3, 4]), ("0 to 2, 7", [0, 1, 2, 7])]
)
def test_typed_whole_numbers(text, values):
    assert typed(text) == values


def test_typed_numbers():
    assert typed("1e-3, 0.01", whole=False) == [1e-3, 1e-2]
    for text, reason in (
        ("a", "'a' is no value"),
        ("0.5", "whole numbers"),
        ("", "one value"),
        ("0-99999", "1000 are allowed"),
    ):
        with pytest.raises(SpecError, match=reason):
            typed(text)


def test_what_is_ready_can_be_saved_and_read_back():
    for sweep in ready().values():
        again = read_sweep(to_toml(sweep).encode(), toml=True)
        assert [m.point for m in members(again)] == [m.point for m in members(sweep)] and again.name == sweep.name


def test_what_toml_cannot_say_is_one_sentence():
    held = made(RICH).model_copy(update={"axes": build_sweep({
        "axes": [{"name": "limit", "path": "seconds", "values": [None, 5]}]}).axes})  # fmt: skip
    with pytest.raises(SpecError, match="JSON"):
        to_toml(held)
