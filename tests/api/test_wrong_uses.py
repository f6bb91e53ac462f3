"""Wrong uses of the Python interface: each is one sentence that names the fix, and none reaches an error of torch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gi_core as gi
from tests.api.nets import SHAPE, Normed, gradients, named, picture, smooth

Call = Callable[[nn.Module, list, dict], Any]


def attack(model: Any, update: Any, shape: Any = SHAPE, **more: Any) -> Any:
    return gi.attack(model, update, shape, progress=False, **{"attack": "levenberg_marquardt:iterations=1", **more})


def swapped(by_name: dict) -> dict:
    keys = list(by_name)
    return by_name | {keys[0]: by_name[keys[2]], keys[2]: by_name[keys[0]]}


def changed(by_name: dict, name: str, value: Any) -> dict:
    return by_name | {name: value}


def tied() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 768), nn.Sigmoid(), nn.Linear(768, 768), nn.Linear(768, 5))
    model[3].weight = model[1].weight
    return model


def of_tied() -> dict:
    model = tied()
    found = named(model, picture())
    return found | {"3.weight": found["1.weight"] + 1}


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.LazyLinear(5)

    def forward(self, x):
        return self.fc(x.flatten(1))


class Pair(nn.Module):
    """Returns a dictionary, as Hugging Face's networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(768, 5)

    def forward(self, x):
        return {"logits": self.fc(x.flatten(1))}


class Maps(nn.Module):
    """Returns a map, as a segmentation does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


GRADIENTS: dict[str, tuple[Call, str]] = {
    "too few": (lambda m, s, d: attack(m, s[:-1]), r"5 gradients for 6 parameters: give one for each"),
    "too many": (lambda m, s, d: attack(m, [*s, s[-1]]), r"7 gradients for 6 parameters"),
    "another order": (lambda m, s, d: attack(m, s[::-1]), r"stand in another order .* dictionary by name"),
    "another network's": (
        lambda m, s, d: attack(m, gradients(smooth(classes=7), picture())),
        r"gradient 5 of 6 has shape \(7, 512\), and the parameter 5.weight at this place \(5, 512\)",
    ),
    "swapped by name": (lambda m, s, d: attack(m, swapped(d)), r"the gradient of 0.weight has shape .* give the gradient"),
    "transposed": (lambda m, s, d: attack(m, changed(d, "5.weight", d["5.weight"].T)), r"5.weight .* it is transposed"),
    "missing": (lambda m, s, d: attack(m, {k: d[k] for k in list(d)[1:]}), r"the gradient of 0.weight is missing"),
    "extra": (lambda m, s, d: attack(m, changed(d, "head.weight", d["5.weight"])), r"no parameter 'head.weight'"),
    "misspelt": (
        lambda m, s, d: attack(m, {k.replace("5.", "five."): v for k, v in d.items()}),
        r"no parameter 'five.weight' and 1 more: did you mean '5.weight'",
    ),
    "not finite": (lambda m, s, d: attack(m, changed(d, "2.bias", d["2.bias"] * float("nan"))), r"2.bias .* not finite"),
    "infinite": (lambda m, s, d: attack(m, changed(d, "2.bias", d["2.bias"] / 0)), r"2.bias .* not finite"),
    "all zero": (lambda m, s, d: attack(m, [torch.zeros_like(t) for t in s]), r"every gradient is zero"),
    "all None": (lambda m, s, d: attack(m, dict.fromkeys(d)), r"every gradient is None.* loss.backward"),
    "the module without gradients": (lambda m, s, d: attack(m, m), r"holds no gradients: call loss.backward"),
    "one tensor": (lambda m, s, d: attack(m, s[0]), r"the gradients are one tensor: give one for each parameter"),
    "a text": (lambda m, s, d: attack(m, "gradients.pt"), r"the gradients are a str: give a sequence"),
    "nothing": (lambda m, s, d: attack(m, None), r"the gradients are a NoneType: give a sequence"),
    "empty": (lambda m, s, d: attack(m, []), r"the sequence of gradients is empty"),
    "empty dictionary": (lambda m, s, d: attack(m, {}), r"the dictionary of gradients is empty"),
    "by number": (lambda m, s, d: attack(m, dict(enumerate(s))), r"go by int keys: give a dictionary by the names"),
    "complex": (lambda m, s, d: attack(m, changed(d, "2.bias", d["2.bias"] * 1j)), r"2.bias is of type torch.complex64"),
    "words": (lambda m, s, d: attack(m, changed(d, "2.bias", ["a"] * 8)), r"2.bias holds <U1 values: give real numbers"),
    "an object": (lambda m, s, d: attack(m, changed(d, "2.bias", object())), r"2.bias (is a object|has shape \(\))"),
    "on meta": (lambda m, s, d: attack(m, changed(d, "2.bias", d["2.bias"].to("meta"))), r"2.bias is on the meta device"),
    "shared, differing": (lambda m, s, d: attack(tied(), of_tied()), r"1.weight, which layers share, with different values"),
    "a state dict's difference": (
        lambda m, s, d: attack(Normed(), {k: torch.ones_like(v) for k, v in Normed().state_dict().items()}),
        r"differences of two state dicts.* say how the client trained",
    ),
    "whole weights": (
        lambda m, s, d: attack(m, {k: v.detach().clone() for k, v in m.state_dict().items()}),
        r"(whole weights|checkpoint itself)",
    ),
}  # fmt: skip

MODELS: dict[str, tuple[Call, str]] = {
    "a class": (lambda m, s, d: attack(Normed, s), r"model is the class Normed: give an instance of it"),
    "a state dict": (lambda m, s, d: attack(m.state_dict(), s), r"not a OrderedDict: build the network and load"),
    "an unknown name": (lambda m, s, d: attack("lenett", s), r"unknown model 'lenett': did you mean 'lenet'"),
    "without parameters": (lambda m, s, d: attack(nn.Flatten(), s), r"no parameters|nothing to train"),
    "lazy": (lambda m, s, d: attack(Lazy(), s), r"not initialised|lazy|uninitiali[sz]ed"),
    "a dictionary out": (lambda m, s, d: attack(Pair(), s), r"returns a dict, and an attack needs one tensor"),
    "a map out": (lambda m, s, d: attack(Maps(), s), r"\(N, K\)"),
    "on meta": (lambda m, s, d: attack(copy.deepcopy(m).to("meta"), s), r"meta"),
    "another shape": (lambda m, s, d: attack(m, s, (3, 20, 20)), r"3x20x20|\(3, 20, 20\)"),
    "other channels": (lambda m, s, d: attack(m, s, (1, 16, 16)), r"1x16x16|\(1, 16, 16\)|channels"),
    "weights not finite": (lambda m, s, d: attack(_broken(m), s), r"not finite"),
}


def _broken(model: nn.Module) -> nn.Module:
    found = copy.deepcopy(model)
    with torch.no_grad():
        found[0].weight[0] = float("nan")
    return found


WORDS: dict[str, tuple[Call, str]] = {
    "no shape": (lambda m, s, d: attack(m, s, None), r"give input_shape, such as \(3, 32, 32\)"),
    "a batch's shape": (lambda m, s, d: attack(m, s, (1, 3, 16, 16)), r"of one picture.* give \(3, 16, 16\), and images=1"),
    "channels last": (lambda m, s, d: attack(m, s, (16, 16, 3)), r"begins with the channels.*is it \(3, 16, 16\)\?"),
    "a shape of words": (lambda m, s, d: attack(m, s, "3x16x16"), r"input_shape is \(channels, height, width\)"),
    "a huge shape": (lambda m, s, d: attack(m, s, (3, 10**9, 10**9)), r"sides of 1000000000x1000000000"),
    "no images": (lambda m, s, d: attack(m, s, images=0), r"images is a whole number from 1"),
    "half an image": (lambda m, s, d: attack(m, s, images=1.5), r"images is a whole number from 1 .* not 1.5"),
    "labels too many": (lambda m, s, d: attack(m, s, labels=[1, 2]), r"give one label for each picture: 1, not 2"),
    "a label out of range": (lambda m, s, d: attack(m, s, labels=[9]), r"label 9 is out of range"),
    "a negative label": (lambda m, s, d: attack(m, s, labels=[-1]), r"from 0 up, not -1"),
    "labels with fractions": (lambda m, s, d: attack(m, s, labels=[0.5]), r"give a whole class number"),
    "an unknown attack": (lambda m, s, d: attack(m, s, attack="dgl"), r"unknown attack 'dgl': did you mean 'dlg'"),
    "an unknown setting": (
        lambda m, s, d: attack(m, s, attack="dlg:iteration=3"), r"no setting 'iteration': did you mean 'iterations'"
    ),
    "an attack that is none": (lambda m, s, d: attack(m, s, attack=7), r"attack is a text .* not a int"),
    "an unknown client": (lambda m, s, d: attack(m, s, client="fedavgg"), r"unknown client 'fedavgg'"),
    "an unknown defense": (lambda m, s, d: attack(m, s, defenses=["noise"]), r"unknown defense 'noise'"),
    "an unknown loss": (lambda m, s, d: attack(m, s, loss="hinge"), r"loss.*hinge|hinge.*loss"),
    "a loss's class": (lambda m, s, d: attack(m, s, loss=nn.CrossEntropyLoss), r"loss is the class CrossEntropyLoss"),
    "a loss of several": (
        lambda m, s, d: attack(m, s, loss=lambda z, y: z.sum(), images=2), r"(give labels|one picture|give them as labels)"
    ),
    "a loss that is no scalar": (
        lambda m, s, d: attack(m, s, loss=lambda z, y: z, labels=[1]), r"your loss gives shape \(1, 5\), and it takes one number"
    ),
    "a loss that stops": (
        lambda m, s, d: attack(m, s, loss=lambda z, y: z @ y, labels=[1]), r"your loss stops"
    ),
    "an unknown normalisation": (lambda m, s, d: attack(m, s, normalise="imagenett"), r"did you mean 'imagenet'"),
    "a normalisation of one": (lambda m, s, d: attack(m, s, normalise=0.5), r"normalise is a name such as imagenet"),
    "a deviation of zero": (lambda m, s, d: attack(m, s, normalise=(0.5, 0.0)), r"standard deviation .* above 0"),
    "an unknown device": (lambda m, s, d: attack(m, s, device="tpu"), r"device"),
    "no time": (lambda m, s, d: attack(m, s, seconds=-1), r"seconds"),
    "a seed of words": (lambda m, s, d: attack(m, s, seed="lucky"), r"seed"),
    "settings that are none": (lambda m, s, d: attack(m, s, settings={"attack.trial": 3}), r"there is no 'attack.trial'"),
    "settings as a text": (lambda m, s, d: attack(m, s, settings="attack.trials=3"), r"settings is a dictionary"),
    "a callback that is none": (lambda m, s, d: attack(m, s, callback=3), r"callback is a function"),
    "a plan that is none": (lambda m, s, d: attack(m, s, plan="fast"), r"plan is result.plan of a run"),
    "a prior for one without": (lambda m, s, d: attack(m, s, prior="bundled/chelsea"), r"starts from no prior picture"),
    "classes of a module": (lambda m, s, d: attack(m, s, classes=5), r"classes is of a network's name"),
    "batch norm of a third kind": (lambda m, s, d: attack(m, s, batch_norm="frozen"), r"batch_norm|batch norm"),
}  # fmt: skip

OTHERS: dict[str, tuple[Call, str]] = {
    "normalised pictures": (
        lambda m, s, d: gi.client(m, picture() * 4 - 2, [3]), r"values from .* give pixels before normalisation"
    ),
    "pixels of 255": (lambda m, s, d: gi.client(m, picture() * 255, [3]), r"divide them by 255"),
    "pictures as a text": (lambda m, s, d: gi.client(m, "no_such_file.png", [3]), r"no_such_file.png"),
    "pictures of another size": (lambda m, s, d: gi.client(m, torch.rand(1, 3, 20, 20), [3]), r"3x20x20|\(3, 20, 20\)"),
    "five channels": (lambda m, s, d: gi.client(m, torch.rand(1, 5, 16, 16), [3]), r"have 5 channels"),
    "no pictures": (lambda m, s, d: gi.client(m, [], [3]), r"the pictures are none"),
    "no labels": (lambda m, s, d: gi.client(m, picture(), None), r"give a class number for each picture"),
    "a label too high": (lambda m, s, d: gi.client(m, picture(), [5]), r"label 5 is out of range.* classes 0 to 4"),
    "an unknown training setting": (lambda m, s, d: gi.client(m, picture(), [3], epoch=2), r"epoch"),
    "training twice": (lambda m, s, d: gi.client(m, picture(), [3], client="fedavg", epochs=2), r"leave out epochs"),
    "a threshold of words": (lambda m, s, d: gi.audit(m, s, picture(), threshold="high"), r"threshold is a number"),
    "a gate that never closes": (
        lambda m, s, d: gi.audit(m, s, picture(), threshold=2.0, progress=False), r"never exceeded"
    ),
    "a rank of a stranger": (lambda m, s, d: gi.rank("resnet19", SHAPE), r"unknown model 'resnet19'"),
    "an influence without label": (lambda m, s, d: gi.influence(m, picture(), None), r"give a class number"),
    "negative noise": (
        lambda m, s, d: gi.influence(m, picture(), 3, noise_std=-1.0, progress=False), r"noise is a number from 0"
    ),
    "a run of nothing": (lambda m, s, d: gi.run(sample="bundled/nobody"), r"nobody"),
    "a run of a number": (lambda m, s, d: gi.run(3), r"an experiment is a document"),
    "a run that is not kept": (lambda m, s, d: gi.open_run("0" * 12), r"there is no run"),
    "another's original": (lambda m, s, d: _done(m, s).compare(torch.rand(1, 3, 8, 8)), r"give the originals of this update"),
    "an unknown figure": (lambda m, s, d: _done(m, s).figure("curve"), r"no figure 'curve'"),
    "an array of objects": (lambda m, s, d: gi.client(m, np.array([[object()]]), [3]), r"hold object values"),
}  # fmt: skip


def _done(model: nn.Module, update: list) -> gi.Result:
    return attack(model, update)


EVERY = {**GRADIENTS, **MODELS, **WORDS, **OTHERS}


@pytest.fixture(scope="module")
def case() -> tuple[nn.Module, list, dict]:
    model = smooth()
    return model, gradients(model, picture()), named(model, picture())


@pytest.mark.parametrize("name", EVERY)
def test_one_sentence_names_the_fix(name, case, gi_home):
    model, sequence, by_name = case
    call, sentence = EVERY[name]
    with pytest.raises(gi.SpecError, match=sentence) as caught:
        call(model, list(sequence), dict(by_name))
    said = str(caught.value)
    assert said and "\n" not in said and len(said) < 400
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None and caught.value.__context__ is None


def test_there_are_at_least_forty():
    assert len(EVERY) >= 40
