"""`audit`: attack one's own update before it is sent, and say whether it may leave."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gi_core import data
from gi_core.cli import DONE, FAILED, INTERRUPTED, invert, question
from gi_core.cli.attack import refuse_early
from gi_core.cli.progress import Bar
from gi_core.cli.rank import CLASSES
from gi_core.common.progress import silent
from gi_core.data.images import channels_of, fit, to_float
from gi_core.data.loading import changes
from gi_core.data.refs import resolve
from gi_core.experiments.audit import Own, judged, refuse_blind
from gi_core.metrics.claims import sentence
from gi_core.settings import Experiment, SpecError
from gi_core.settings.own_network import OwnNetwork
from gi_core.settings.sizes import sides
from gi_core.types.result import Outcome

WITHHELD = 3
_ATTACKER = ("scale", "unexplained", "precision", "tolerance", "matched", "at_floor", "certainty")


def audit(arguments: argparse.Namespace) -> int:
    """The exit code: 0 where the update may leave, 3 where it is withheld. Raises SpecError for what cannot be run."""
    if not math.isfinite(arguments.threshold):
        raise SpecError("--threshold is a number, such as 1")
    asked, references, changed = _question(arguments)
    prior = data.load(asked).prior
    refuse_blind(references, prior, arguments.threshold)
    if arguments.refuse_suspicious and (refusal := _asks(asked)):
        return _refused(refusal, arguments)
    bar = Bar()
    refuse_early(asked, bar)
    for notice in changed:
        bar.say(f"note: {notice}")
    bar.show(0.0, "starting", now=True)

    from gi_core.cli.runner import Runner  # torch loads here, after every cheap refusal

    runner = Runner(bar)
    try:
        document = runner.start(asked, apart=isinstance(asked.model, OwnNetwork))
    finally:
        bar.close()
    return _tell(document, runner.folder, references, prior, arguments, lambda: _own(asked, references), changed)


def _question(arguments: argparse.Namespace) -> tuple[Experiment, np.ndarray, tuple[str, ...]]:
    """(the question, which knows nothing of the references; the references (N, C, H, W); how they were fitted)."""
    found = [resolve(ref) for ref in arguments.reference]
    pixels = [sample.pixels for sample in found]
    own = question.network(arguments.model, arguments.image_size).channels_only or max(channels_of(p) for p in pixels)
    values = vars(arguments) | {"reference": None, "images": len(pixels), "channels": arguments.channels or own}
    asked = invert.experiment(argparse.Namespace(**values))
    shape = sides(asked.size)
    if shape is None:
        raise SpecError("an update does not say how large its pictures are: set --image-size, such as 32 or 64x96")
    pictures = np.stack([fit(p, shape, values["channels"]) for p in pixels])
    return asked, to_float(pictures), changes(found, shape, values["channels"], "reference: ")


def _asks(asked: Experiment) -> str:
    """Why the network that was received is not trained on, "" where nothing of it is noticed."""
    from gi_core.experiments.model_inspection import inspected  # torch loads here

    shape, model = sides(asked.size), asked.model
    assert asked.recorded is not None and shape is not None  # as `_question` made it
    found = inspected(model, (asked.channels or 3, *shape), model.classes or CLASSES, asked.recorded.checkpoint)
    return found["sentence"] if found["suspicious"] else ""


def _refused(reason: str, arguments: argparse.Namespace) -> int:
    sentence = f"withheld, as {reason}"
    if arguments.json:
        said = {"leaked": None, "measure": None, "threshold": arguments.threshold, "send": False, "sentence": sentence}
        print(json.dumps(said), flush=True)
    else:
        print(sentence)
    return WITHHELD


def _own(asked: Experiment, references: np.ndarray) -> Own | None:
    """What the client as described would send of the client's own pictures, beside what it sent."""
    from gi_core.experiments.fit import describing
    from gi_core.experiments.setup import ask, choose_device

    return describing.own(ask(asked, choose_device(asked.device), silent), references)


def _tell(
    document: Outcome, folder: Path, references: np.ndarray, prior: np.ndarray | None, asked: argparse.Namespace,
    own: Callable[[], Own | None], changed: tuple[str, ...],
) -> int:  # fmt: skip
    status, attacker = document["status"], document["attacker"] if "attacker" in document else None
    images = None
    if status == "done":
        with np.load(folder / "reconstruction.npz", allow_pickle=False) as file:
            images = file["images"]
    verdict, more = judged(document, images, references, prior, asked.threshold, own)
    if asked.json:
        more["attacker"] = {k: v for k, v in (attacker or {}).items() if k in _ATTACKER}
        more["notices"] = [*changed, *(document["notices"] if "notices" in document else [])]
        more |= {name: document.get(name) for name in ("run_id", "seconds", "out")}
        print(json.dumps({**verdict, **more}, allow_nan=False), flush=True)
    else:
        print(verdict["sentence"], file=sys.stdout if status == "done" else sys.stderr)
        if "words" in more:
            print(sentence(more["words"]))
    if status != "done":
        return FAILED if status == "failed" else INTERRUPTED
    return DONE if verdict["send"] else WITHHELD
