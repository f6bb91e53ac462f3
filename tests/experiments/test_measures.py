"""Measures of the round: what they change in an Experiment, and that what they ask for can be run."""

from __future__ import annotations

import pytest

from gi_core.data.neighbours import more
from gi_core.experiments.measures import MEASURES
from gi_core.settings import Experiment, SpecError, build, problems
from gi_core.settings.client import FedAvg

BASE = {"samples": ["bundled/faces:0"], "size": 12, "model": {"kind": "lenet", "width": 2, "init": "uniform"}}
NORMED = {**BASE, "model": {"kind": "convnet", "width": 2}, "client": {"batch_norm": "train", "statistics": "shared"}}


def base(**values) -> Experiment:
    return build({**BASE, "attack": {"kind": "inverting_gradients"}, **values})


@pytest.mark.parametrize("kind", MEASURES)
def test_every_measure_says_what_it_is_and_finds_itself_again(kind):
    measure = MEASURES[kind]
    assert measure.kind == kind and measure.title and measure.description.endswith(".") and measure.guarantee
    asked = base(**NORMED) if kind == "withheld_statistics" else base()
    assert measure.strength_of(asked) is None
    low, high, default = measure.strength.low, measure.strength.high, measure.strength.default
    for strength in {low, low + 1, default, high}:
        changed = measure.apply(asked, strength)
        assert build(changed.model_dump(mode="json")) == changed
        assert measure.strength_of(changed) == (None if strength == low else strength)
        assert not [p for p in problems(changed) if p.fatal]
    assert measure.apply(asked) == measure.apply(asked, default)
    assert measure.apply(asked, low) == asked
    for wrong in (low - 1, high + 1):
        with pytest.raises(SpecError, match=f"is from {low} to {high}"):
            measure.apply(asked, wrong)


def test_a_larger_batch_keeps_what_the_client_is():
    changed = MEASURES["larger_batch"].apply(base(), 4)
    assert changed.samples == ("bundled/faces:0", "bundled/faces:100", "bundled/faces:1", "bundled/faces:101")
    assert changed.client == base().client and MEASURES["larger_batch"].apply(changed, 1) == base()
    steps = base(client={"kind": "fedavg", "batch_size": 1, "learning_rate": 0.5})
    assert MEASURES["larger_batch"].apply(steps, 4).client == FedAvg(learning_rate=0.5)
    one = base(attack={"kind": "levenberg_marquardt"})
    assert one.attack.labels == "observed_delta" and MEASURES["larger_batch"].apply(one, 2).attack.labels == "auto"
    with pytest.raises(SpecError, match="labels are given"):
        MEASURES["larger_batch"].apply(base(labels=[1]), 2)


def test_local_steps_keep_batches():
    changed = MEASURES["local_steps"].apply(base(), 5)
    assert changed.client == FedAvg(epochs=5)
    many = base(samples=[f"bundled/faces:{i}" for i in range(4)], client={"kind": "fedavg", "batch_size": 2})
    client = MEASURES["local_steps"].apply(many, 5).client
    assert (client.epochs, client.steps, client.batch_size) == (3, 5, 2)
    assert MEASURES["local_steps"].apply(base(client={"kind": "fedavg", "epochs": 9}), 1).client.epochs == 1


def test_secure_aggregation_gives_each_client_its_pictures():
    changed = MEASURES["secure_aggregation"].apply(base(), 3)
    assert changed.client == FedAvg(clients=3) and changed.pictures == 3
    two = base(samples=["bundled/faces:0", "bundled/faces:1"])
    assert MEASURES["secure_aggregation"].apply(two, 4).pictures == 8
    five = base(samples=[f"bundled/faces:{k}" for k in range(5)])
    with pytest.raises(SpecError, match="more than the 256"):
        MEASURES["secure_aggregation"].apply(five, 60)
    stronger = MEASURES["secure_aggregation"].apply(changed, 5)
    assert stronger.client.clients == 5 and stronger.pictures == 5


def test_statistics_that_do_not_move_cannot_be_withheld():
    with pytest.raises(SpecError, match="train mode only"):
        MEASURES["withheld_statistics"].apply(base(), 1)


def test_a_recorded_round_is_as_it_was():
    recorded = {"checkpoint": "a.safetensors", "update": "b.npz", "images": 1}
    with pytest.raises(SpecError, match="recorded"):
        MEASURES["larger_batch"].apply(base(recorded=recorded), 2)
    assert MEASURES["larger_batch"].strength_of(base(recorded=recorded)) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("bundled/faces:199", "bundled/faces:0"),
        ("bundled/faces", "bundled/faces:100"),
        ("mnist:9999", "mnist:0"),
        ("cifar10/train:7", "cifar10/train:8"),
        ("bundled/text", "bundled/astronaut"),
    ],
)
def test_the_next_picture_of_each_source(first, second):
    assert more((first,), 2) == (first, second)


def test_pictures_that_follow_are_all_different_and_run_out():
    assert len(set(more(("bundled/faces:150",), 64))) == 64
    assert len(set(more(("bundled/coffee",), 11))) == 11
    with pytest.raises(SpecError, match="has not 12 pictures"):
        more(("bundled/coffee",), 12)
    with pytest.raises(SpecError, match="has not 2 pictures"):
        more(("/some/picture.png",), 2)


def test_the_next_file_of_a_folder(tmp_path):
    from PIL import Image

    for label, stem in (("a", "1"), ("a", "3"), ("b", "2")):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / label / f"{stem}.png")
    found = more((f"folder:{tmp_path}:1",), 3)
    assert [ref.rpartition(":")[2] for ref in found] == ["1", "b/2", "a/3"]
