"""What a person reads of a question that cannot be built: what to change, and the nearest right name."""

from __future__ import annotations

import json

import pytest

from gi_core.settings import SpecError, build, parse_component, read_experiment

DLG = {"kind": "dlg"}


@pytest.mark.parametrize(
    "values, says",
    [
        ({"smaples": ["x"]}, "there is no setting 'smaples': did you mean 'samples'?"),
        ({"attack": {**DLG, "iteratons": 3}}, "there is no setting 'attack.iteratons': did you mean 'iterations'?"),
        ({"weights": {"kind": "trained", "epoch": 1}}, "did you mean 'epochs'?"),
        ({"attack": {"kind": "dgl"}}, "attack: there is no kind 'dgl': did you mean 'dlg'?"),
        ({"attack": {}}, "attack: say which one with kind"),
        ({"attack": {**DLG, "iterations": 0}}, "attack.iterations: give 1 or more, not 0"),
        ({"defenses": [{"kind": "clipping", "norm": 0}]}, "defenses.0.norm: give a number above 0.0, not 0"),
        ({"defenses": [{"kind": "pruning", "fraction": 1}]}, "a number below 1.0, not 1"),
        ({"size": 513}, "size: give 512 or less, not 513"),
        ({"seed": 1.5}, "seed: give a whole number, not 1.5"),
        ({"device": "tpu"}, "device: give 'auto', 'cpu', 'cuda' or 'mps', not 'tpu'"),
        ({"samples": []}, "samples: this cannot be empty"),
        ({"samples": ["a"] * 257}, "samples: give at most 256 of them, not 257"),
        ({"samples": 3}, "samples: give a list, not 3"),
        ({"model": 3}, "model: give an object with settings, not 3"),
        ({"client": {"labels_known": "maybe"}}, "client.labels_known: give true or false, not 'maybe'"),
        ({"labels": [-1]}, "labels: a label is a class number from 0 up"),
        ({"schema_version": 2}, "schema_version: this program reads 1, not 2: use the program that wrote it"),
        ({"size": 3, "seed": -1}, "(and 1 more)"),
    ],
)
def test_values(values, says):
    with pytest.raises(SpecError) as refusal:
        build(values)
    assert says in str(refusal.value)
    with pytest.raises(SpecError) as refusal:
        read_experiment(json.dumps(values))
    assert says in str(refusal.value)


@pytest.mark.parametrize("text", ["", "{nope", "[1]", "[" * 100_000, '{"seed": NaN}', '{"samples": ["\\ud800"]}'])
def test_what_is_no_experiment(text):
    with pytest.raises(SpecError, match="^the experiment is not valid: ") as refusal:
        read_experiment(text)
    assert len(str(refusal.value)) < 200


def test_one_component():
    with pytest.raises(SpecError, match="defense gaussian_noise: std: give a number, not 'abc'"):
        parse_component("defense", "gaussian_noise:std=abc")
    with pytest.raises(SpecError, match=r"give a whole number, not '.{36}\.\.\.$"):
        parse_component("defense", "quantisation:bits=" + "x" * 500)
