"""Published thresholds on real pictures: DLG on LeNet survives noise of variance 1e-4 and fails at 1e-2.

Zhu et al., Deep Leakage from Gradients, NeurIPS 2019, section 5. Noise is in the gradient's own units, so a threshold
holds for a gradient of a certain size: with ten classes or more and weights from U(-1/2, 1/2) the network is surely wrong
about the picture, and the root mean square of its gradient is 0.2. Where it happens to be right, as with two classes, the
gradient is far smaller, and far less noise suffices.
"""

from __future__ import annotations

import statistics

import pytest
import torch

from tests.victims import advance, experiment, machine, play

torch.set_num_threads(1)
pytestmark = pytest.mark.slow
FACES = ("bundled/faces:3", "bundled/faces:50", "bundled/faces:7")


def ask(sample: str, *defenses: dict, classes: int = 10):
    return experiment(
        samples=[sample], size=None, model={"kind": "lenet", "init": "uniform", "classes": classes},
        attack={"kind": "dlg", "iterations": 100, "trials": 1}, defenses=list(defenses),
    )  # fmt: skip


def errors(*defenses: dict, samples: tuple[str, ...] = FACES) -> list[float]:
    """Mean squared error of DLG on each picture."""
    found = []
    for sample in samples:
        built, pictures = machine(ask(sample, *defenses))
        state, _ = advance(built, built.init(0), 100)
        found.append(float(((built.answer(state)[0].clamp(0, 1) - pictures) ** 2).mean()))
    return found


def noise(variance: float) -> dict:
    return {"kind": "gaussian_noise", "std": variance**0.5}


def test_the_published_reading_of_the_gradients_scale():
    sizes: dict[int, list[float]] = {10: [], 2: []}
    for classes, found in sizes.items():
        for face in FACES:
            update, _, _ = play(ask(face, classes=classes))
            found.append(update.norm() / sum(t.numel() for t in update.tensors.values()) ** 0.5)
    assert 0.15 < min(sizes[10]) and max(sizes[10]) < 0.3
    assert min(sizes[2]) < 0.01, "two classes: right about a face"


def test_dlg_survives_noise_of_variance_1e_4_and_fails_at_1e_2():
    clean, weak, strong = errors(), errors(noise(1e-4)), errors(noise(1e-2))
    assert statistics.median(clean) < 1e-6
    assert statistics.median(weak) < 0.01, "20 dB: the face is recognised"
    assert min(strong) > 0.1, "below 10 dB: nothing of it"


def test_laplace_noise_of_the_same_variance_does_the_same():
    weak, strong = (errors({"kind": "laplace_noise", "scale": (v / 2) ** 0.5}) for v in (1e-4, 1e-2))
    assert statistics.median(weak) < 0.01 and min(strong) > 0.1


def test_pruning_a_fifth_and_more_hurts():
    shares = {share: statistics.median(errors({"kind": "pruning", "fraction": share})) for share in (0.05, 0.2, 0.5)}
    assert 100 * statistics.median(errors()) < shares[0.05] < shares[0.2] < shares[0.5]
    assert shares[0.5] > 0.01, "below 20 dB; a colour picture is gone by then, a face may still be known"


def test_a_colour_picture_is_worn_down_sooner(shared_data):
    """The order is the same; there are three times as many unknowns for as many gradients."""
    cat = (f"folder:{shared_data}/cifar10_test:0",)
    clean, weak, strong = (errors(*d, samples=cat)[0] for d in ((), (noise(1e-4),), (noise(1e-2),)))
    assert clean < 1e-3 < weak < 0.5 * strong


def test_half_precision_hides_nothing():
    assert statistics.median(errors({"kind": "half_precision"})) < 1e-3
