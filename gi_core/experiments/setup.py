"""From an Experiment to what an attack is given: pictures, network, the client's update."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import nn

from gi_core import clients, data
from gi_core.clients import Round
from gi_core.common.memory_limit import memory_limit
from gi_core.common.progress import Progress
from gi_core.data import Pictures
from gi_core.experiments import controls, preparing
from gi_core.experiments.fished import as_fished, refuse_suspicious
from gi_core.experiments.recorded import playing
from gi_core.jobs.rows import encode
from gi_core.settings import Experiment, SpecError, problems
from gi_core.settings.client import Fresh, FromFile, Trained
from gi_core.settings.own_network import OwnNetwork
from gi_core.types.result_parts import Network, UpdateFacts

SMALLEST_NORM = 1e-12
_STABLE = re.compile(r"bundled/\S+|upload:[0-9a-f]+|(fashion_)?mnist(/\w+)?:\d+|cifar100?(/\w+)?:\d+")


@dataclass(frozen=True)
class Question:
    """Everything that is known before the attack begins; the attack may see only `round`.

    info: about the weights (parameters, accuracy if trained, where they come from). norm: L2 of the update.
    facts: what was found of a recorded update (`experiments.recorded.playing`), None of one that was played here.
    """

    experiment: Experiment
    pictures: Pictures
    model: nn.Module
    info: Network
    round: Round
    norm: float
    device: torch.device
    facts: UpdateFacts | None = None


class Questions:
    """The last few questions, so that a preview has read what its run needs.

    Bounded by number and by bytes; questions about files that a person may change are not kept.
    """

    def __init__(self, most: int = 6, most_bytes: int = 2**30) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._kept: OrderedDict[str, tuple[Question, int]] = OrderedDict()

    def get(self, experiment: Experiment, device: torch.device, progress: Progress) -> Question:
        """The question, asked anew if need be. Raises SpecError."""
        key = _key(experiment, device)
        if key in self._kept:
            self._kept.move_to_end(key)
            return replace(self._kept[key][0], experiment=experiment)  # its attack may be another
        question = ask(experiment, device, progress)
        if _stable(experiment):
            self._kept[key] = (question, _bytes(question))
            while len(self._kept) > self.most or (
                len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self.most_bytes
            ):
                self._kept.popitem(last=False)
        return question

    def drop(self) -> None:
        """Forget all questions, which frees their memory."""
        self._kept.clear()


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU. Raises SpecError for one that is not there."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "cpu")
    if (name == "cuda" and not cuda) or (name == "mps" and not mps):
        raise SpecError(f"this machine has no {name} device: choose device cpu or auto")
    return torch.device(name)


def check(experiment: Experiment) -> None:
    """Raises SpecError with the first reason why the experiment cannot be run."""
    fatal = [p for p in problems(experiment) if p.fatal]
    if fatal:
        raise SpecError(fatal[0].reason)


def ask(experiment: Experiment, device: torch.device, progress: Progress) -> Question:
    """Read the pictures, build the network, play the client's round or read a recorded one. Raises SpecError."""
    progress(0.0, "reading the pictures")
    with memory_limit():
        pictures = data.load(experiment)
    progress(0.0, "building the network")
    from_files = experiment.recorded is not None or isinstance(experiment.weights, FromFile)
    with memory_limit() if from_files else nullcontext():
        model, info = preparing.prepare(experiment, pictures, progress=progress)
    if experiment.recorded is not None:
        progress(1.0, "reading the update")
        with memory_limit():
            done, notices, facts = playing.opened(experiment, model, pictures, device)
        pictures, done = as_fished(replace(pictures, notices=(*pictures.notices, *notices)), done)
        done = controls.taken_away(experiment, model, done, device)
        return Question(experiment, pictures, model, info, done, done.update.norm(), device, facts)
    progress(1.0, "playing the client's round")
    done = clients.play(experiment, model, pictures, device)
    refuse_suspicious(experiment, done)
    pictures, done = as_fished(replace(pictures, labels=done.labels.numpy()), done)
    done = controls.taken_away(experiment, model, done, device)
    return Question(experiment, pictures, model, info, done, done.update.norm(), device)


def refuse_no_signal(question: Question) -> None:
    """Raises SpecError when the update says nothing: its norm is almost zero or not finite."""
    norm = question.norm
    if not math.isfinite(norm):
        raise SpecError(
            "the client's update is not finite, so there is nothing to match: choose other weights"
            " or another initialisation"
        )
    if norm >= SMALLEST_NORM:
        return
    why = "the network is dead or the defenses removed everything: choose another initialisation or defense"
    if question.experiment.recorded is not None:
        why = "give another round's files"
    elif not isinstance(question.experiment.weights, Fresh):
        why = (
            "the trained network is already certain of this picture's label: choose a picture it gets"
            " wrong, fewer epochs or a wrong label"
        )
    raise SpecError(f"the update is almost zero (norm {norm:.1g}), so it does not show the picture; {why}")


def _key(experiment: Experiment, device: torch.device) -> str:
    document = experiment.model_dump(mode="json", exclude={"attack", "seconds", "device"})
    prior = experiment.attack.prior_picture
    return encode([document, experiment.attack.labels == "known", prior, str(device)])


def _stable(experiment: Experiment) -> bool:
    weights = experiment.weights
    if isinstance(experiment.model, OwnNetwork):
        return False  # its code, or the module behind its name, may change
    from_file = isinstance(weights, FromFile) and not weights.path.startswith("upload:")
    trained_on_file = isinstance(weights, Trained) and ":" in (weights.data or "")
    refs: list[str | None] = list(experiment.samples)
    if experiment.recorded is not None:
        files = experiment.recorded
        refs = [files.checkpoint, files.update, files.statistics, files.reference]
        from_file = trained_on_file = False
    refs.append(experiment.attack.prior_picture)
    return not (from_file or trained_on_file) and all(_STABLE.fullmatch(ref) for ref in refs if ref)


def _bytes(question: Question) -> int:
    tensors = [*question.model.state_dict().values(), *question.round.update.tensors.values()]
    tensors += question.round.knowledge.model.state_dict().values()
    return int(question.pictures.images.nbytes + sum(t.numel() * t.element_size() for t in tensors))
