"""A client's round as files and as an Experiment about them, so that what a federation sent can be attacked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gi_core.common import whole_files
from gi_core.data import Pictures
from gi_core.experiments.federation.rounds import Played, Simulation
from gi_core.experiments.recording import as_sent, change
from gi_core.settings import sizes
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.defenses import built_in
from gi_core.settings.federation import round_of
from gi_core.settings.recorded_round import Recorded
from gi_core.update_files.writing import write_round


def record(folder: Path, simulation: Simulation, played: Played, client: int) -> dict[str, Any]:
    """Write the round of a client (from 0): names of its files, `experiment` among them where an attack is possible."""
    name = f"round_{played.number:04d}_client_{client + 1:03d}"
    seen = played.seen.get(client)
    given = seen.knowledge.model if seen is not None and simulation.settings.server.changes else played.before
    before = {key: value.cpu().numpy() for key, value in given.state_dict().items()}
    files = write_round(folder, before, change(before, played.sent[client]), name=name)
    names = {kind: path.name for kind, path in files.items()}
    mine, attack = simulation.shards.clients[client], simulation.settings.attack
    if attack is None or len(mine.labels) > MAX_BATCH:
        return names
    prior = simulation.prior(client) if hasattr(attack, "prior") else None
    if prior is not None:
        attack = attack.model_copy(update={"prior": str(_picture(folder / f"{name}_prior.png", prior))})
    labels = _labels(played, mine, client) if attack.labels == "known" else None
    recorded = Recorded(
        **{kind: str(path) for kind, path in files.items()}, images=len(mine.labels), reference=_reference(folder, name, mine),
        withheld=played.sent[client].withheld,
    )  # fmt: skip
    asked = round_of(simulation.settings, len(mine.labels), simulation.settings.seed).model_copy(
        update={
            "size": sizes.whole(*mine.images.shape[2:]), "channels": mine.images.shape[1], "model": simulation.shards.model,
            "attack": attack, "labels": labels, "recorded": recorded, "normalise": simulation.normalise,
            "defenses": built_in(simulation.settings.defenses),
            "server": as_sent(simulation.settings.server, seen.knowledge if seen is not None else None),
        }
    )  # fmt: skip
    names["experiment"] = f"{name}_experiment.json"
    whole_files.write_text(folder / names["experiment"], asked.to_json(indent=2))
    return names


def _labels(played: Played, mine: Pictures, client: int) -> tuple[int, ...]:
    """In the order of first use, as the server was given them."""
    seen = played.seen.get(client)
    given = seen.knowledge.labels if seen is not None else None
    return tuple(int(k) for k in (mine.labels if given is None else given))


def _reference(folder: Path, name: str, mine: Pictures) -> str | None:
    """The private picture, to judge by, of a client that has one."""
    return str(_picture(folder / f"{name}_private.png", mine.images[0])) if len(mine.labels) == 1 else None


def _picture(path: Path, image: np.ndarray) -> Path:
    """Grey stays grey, so that nothing is converted when it is read."""
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    whole_files.write(path, lambda file: picture.save(file, format="PNG"))
    return path
