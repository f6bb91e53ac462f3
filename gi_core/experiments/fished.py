"""A round behind a server that fished: what it attacks is the gradient of the fished pictures, and they are what is judged."""

from __future__ import annotations

from dataclasses import replace

from gi_core.analysis.model_check import check
from gi_core.attacks.adaptive.past_fishing import past_fishing
from gi_core.clients import Round
from gi_core.common.errors import SpecError
from gi_core.data import Pictures
from gi_core.settings import Experiment
from gi_core.settings.client_base import SENDS_NOTHING


def as_fished(pictures: Pictures, done: Round) -> tuple[Pictures, Round]:
    """(the pictures that the answer is compared with, the round as the attack gets it); as given of an honest server.

    Raises SpecError where nothing was fished.
    """
    fished = done.knowledge.fished
    update, knowledge, said = past_fishing(done.update, done.knowledge)
    if fished is None:
        return pictures, done
    pictures = replace(pictures, notices=(*pictures.notices, *said))
    if update is done.update:  # of several local steps, which mix all pictures
        return pictures, replace(done, knowledge=knowledge)
    its = [i for i, label in enumerate(pictures.labels) if int(label) == fished.of_class] if pictures.known else []
    its = its or list(range(fished.count))  # of a recorded round the pictures only count
    pictures = replace(pictures, images=pictures.images[its], labels=pictures.labels[its])
    clean = update if done.clean is done.update else past_fishing(done.clean, done.knowledge)[0]
    return pictures, replace(done, update=update, knowledge=knowledge, labels=done.labels[its], clean=clean)


def refuse_suspicious(experiment: Experiment, done: Round) -> None:
    """Raises SpecError where the client looks at the network that it gets, and that asks for single pictures."""
    if experiment.client.refuses and experiment.recorded is None:
        found = check(done.knowledge.model)
        if found["suspicious"]:
            raise SpecError(f"{SENDS_NOTHING}, as {found['sentence']}")
