"""A data set as a federation holds it: the pictures of each client, and those that the server tests with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gi_core import data
from gi_core.common.errors import SpecError
from gi_core.data import Pictures
from gi_core.data.images import to_float
from gi_core.experiments.federation.partition import partition
from gi_core.settings.experiment import Experiment
from gi_core.settings.federation import Federation
from gi_core.settings.networks import AnyModel

MOST_CLASSES = 22_000  # of any network; the labels say how many there are
NAMED = ("mnist", "fashion_mnist", "cifar10", "cifar100")


@dataclass(frozen=True)
class Shards:
    """clients: the private pictures of each. test: pictures that nobody trains on. model: with its classes counted."""

    clients: tuple[Pictures, ...]
    test: Pictures
    model: AnyModel

    def prior(self, client: int) -> np.ndarray | None:
        """Mean picture (C, H, W) of all other clients' pictures: what a server could have without knowing this one's.

        client: from 0. Rounded to 8 bits, so that it is the same in a file. None where nobody else is there.
        """
        others = [p.images for k, p in enumerate(self.clients) if k != client]
        if not others:
            return None
        mean = np.concatenate(others).mean(0, dtype=np.float64)
        return to_float((mean * 255).round().astype(np.uint8))

    def candidates(self, client: int, count: int = 200) -> np.ndarray:
        """Pictures among which one of this client's is looked for: (M, C, H, W) in [0, 1], its own first, then others' and the test's."""
        others = [p.images for k, p in enumerate(self.clients) if k != client]
        own = self.clients[client].images
        return np.concatenate([own, *others, self.test.images])[: max(count, len(own))]


def shards(settings: Federation, least_tested: int = 0) -> Shards:
    """Read, split and deal out. Raises SpecError with one sentence; never downloads.

    least_tested: where the test pictures are fewer, those that no client was dealt make up for it as far as they go.
    """
    name = settings.data
    if name.startswith("npz:") and None in (settings.size, settings.channels):
        raise SpecError("a federation on npz data needs to be told the pictures' shape: set size and channels")
    values = {"size": settings.size, "channels": settings.channels, "normalise": settings.normalise}
    asked = Experiment(samples=(_sample(name),), model=settings.model, **values)
    if not _has_classes(name) and settings.model.classes is None:
        asked = asked.model_copy(update={"model": settings.model.model_copy(update={"classes": MOST_CLASSES})})
    example = data.load(asked)
    images, labels, test, truth = data.training_set(name, asked)
    classes = example.classes if example.classes < MOST_CLASSES else int(max(labels.max(), truth.max())) + 1
    names = example.class_names[:classes]
    draw = np.random.default_rng((settings.seed, 0))

    def pictures(pixels: np.ndarray, known: np.ndarray) -> Pictures:
        return Pictures(to_float(pixels), known, classes, names, name, example.mean, example.std)

    parts = partition(labels, settings.shares, settings.partition, settings.alpha, draw)
    spare = np.setdiff1d(np.arange(len(labels)), np.concatenate(parts))
    wanted = min(len(spare), max(0, least_tested - len(truth)))
    spare = spare[np.linspace(0, len(spare) - 1, wanted).astype(int)]  # evenly: data may be sorted by class
    test, truth = np.concatenate([test, images[spare]]), np.concatenate([truth, labels[spare]])
    model = settings.model.model_copy(update={"classes": settings.model.classes or classes})
    return Shards(tuple(pictures(images[part], labels[part]) for part in parts), pictures(test, truth), model)


def _has_classes(name: str) -> bool:
    """Whether one picture of the data set tells how many classes there are."""
    return not name.startswith("npz:")


def _sample(name: str) -> str:
    """A reference of one picture, from which size, channels and classes are read."""
    if name == "faces":
        return "bundled/faces:0"
    if name in NAMED:
        return f"{name}/train:0"
    return f"{name}:0" if name.startswith("folder:") else "bundled/astronaut"
