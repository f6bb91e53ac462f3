"""A client's round that is played here and kept as files, as a real client would have left them.

theta_0, theta_T - theta_0 and the batch norm statistics of theta_T in the published trio of files, with an Experiment
about them that knows no more than a server does; the private picture beside them only judges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gi_core import clients, data
from gi_core.common import whole_files
from gi_core.experiments import preparing
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import check, choose_device
from gi_core.settings import Experiment, SpecError, sizes
from gi_core.settings.client import Fresh
from gi_core.settings.defenses import built_in
from gi_core.settings.recorded_round import Recorded
from gi_core.settings.servers import AnyServer, Fishing, Honest
from gi_core.types.updates import Knowledge, Update
from gi_core.update_files.writing import write_round

EXPERIMENT, PRIVATE = "experiment.json", "private.png"


def record(experiment: Experiment, folder: Path, name: str = "example") -> dict[str, Any]:
    """Play the round of `experiment` and write it: {files: {checkpoint, update, statistics, reference}, experiment}.

    Values are names of files in `folder`; `experiment` is the recorded question. Raises SpecError.
    """
    if experiment.recorded is not None:
        raise SpecError("this round is recorded already: give pictures to record another one")
    check(experiment)
    pictures = data.load(experiment)
    model, _ = preparing.prepare(experiment, pictures)
    done = clients.play(experiment, model, pictures, choose_device("cpu"))
    sent = done.knowledge.model if experiment.server.changes else model
    before = {key: value.cpu().numpy() for key, value in sent.state_dict().items()}
    files = write_round(folder, before, change(before, done.update), name=name)
    if len(pictures.images) == 1:
        files["reference"] = folder / PRIVATE
        save_png(files["reference"], sheet(pictures.images))
    count, given, network = len(pictures.images), experiment.attack.labels == "known", experiment.model
    if not network.one_logit:
        network = network.model_copy(update={"classes": network.outputs(pictures.classes)})
    asked = experiment.model_copy(
        update={
            "recorded": Recorded(
                **{kind: str(path) for kind, path in files.items()}, images=count, withheld=done.update.withheld
            ),
            "samples": ("bundled/faces:0",) * count,  # they only count the pictures
            "labels": tuple(int(k) for k in done.labels) if given else None,
            "size": sizes.whole(*pictures.images.shape[2:]), "channels": pictures.images.shape[1],
            "server": as_sent(experiment.server, done.knowledge), "defenses": built_in(experiment.defenses), "model": network, "weights": Fresh(),
        }
    )  # fmt: skip
    whole_files.write_text(folder / EXPERIMENT, asked.to_json(indent=2))
    return {"files": {kind: path.name for kind, path in files.items()}, "experiment": EXPERIMENT}


def change(before: dict[str, np.ndarray], update: Update) -> dict[str, np.ndarray]:
    """local - global of all that was sent: parameters but the withheld ones, and statistics of batch norm if shared."""
    sent = {name: t.cpu().numpy() for name, t in update.tensors.items() if name not in update.withheld}
    for name, value in (update.statistics or {}).items():
        sent[name] = _numbers(value) - before[name].astype(np.float64)
    return sent


def _numbers(value: Tensor) -> np.ndarray:
    return value.double().cpu().numpy()


def as_sent(server: AnyServer, knowledge: Knowledge | None) -> AnyServer:
    """The server of a recorded round, which has no pictures to take a class from; an honest one where none was attacked."""
    if knowledge is None or knowledge.fished is None:
        return Honest() if knowledge is None else server
    assert isinstance(server, Fishing)  # no other fishes
    return server.model_copy(update={"of_class": knowledge.fished.of_class})
