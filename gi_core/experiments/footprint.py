"""How much memory an experiment takes, worked out from its settings before anything is allocated. No torch.

    bytes = base + 4 P copies + chunk * s * b (p P + a N A) + T N C H W * 4 * kept

P parameters, A values of all layers' outputs for one picture, N pictures, T trials of which `chunk` advance at once,
b bytes of a number (4, or 8 in double precision), s local steps that are played for each candidate. `a` counts what the
first pass keeps, its gradient, and both again for the second derivative; the factors were measured (docs/jobs.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

from gi_core.common.memory_limit import memory_limit
from gi_core.data.loading import geometry
from gi_core.data.refs import resolve
from gi_core.jobs import allowances
from gi_core.settings import Experiment, Problem, SpecError, sizes
from gi_core.settings.attacks import AttackSettings, Auto, ClosedForm, InvertingGradients, LevenbergMarquardt, Matching
from gi_core.settings.client import FedAvg
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.settings.drawings import drawing
from gi_core.settings.ensemble_attacks import SECOND_ORDER
from gi_core.settings.imprint_attacks import ReadBins
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import OwnNetwork
from gi_core.settings.servers import Imprint

BASE = 300 * 2**20
COPIES, PER_PARAMETER, PER_ACTIVATION, PER_PIXEL = 6, 6, 8, 10
OF_REPLAY = 2
"""Copies of the weights that a replayed gradient takes."""
HISTORY = 2 * 100
"""Vectors that L-BFGS keeps of each trial."""
MAX_CHUNK, CHUNK_BYTES = 32, 2 * 2**30
MOST_SIMULATED = 16
SIDE = 32
UNKNOWNS = 4600
"""Most unknowns of a layer whose equations a recursion solves jointly."""
METER_IMAGES, METER_PARAMETERS = 8, 30_000_000
"""Most of both with which the risk meter looks for a spectrum: on a larger network its products take longer than they may."""
_MEMBERS = (InvertingGradients(), LevenbergMarquardt())
"""Of an ensemble, those that keep most; what a recursion would take beside them is its own to refuse."""


@dataclass(frozen=True)
class Footprint:
    """Bytes. one: of the attack with a single trial at work. whole: with all that it keeps. meter: of the risk meter. trial:
    what each further trial at work adds.
    """

    one: int
    whole: int
    meter: int
    trial: int = 0


def footprint(experiment: Experiment) -> Footprint | None:
    """The memory of an experiment; None where the network does not fit the pictures, which another check refuses. Of attacks that
    follow one another the largest counts.
    """
    if isinstance(experiment.attack, Auto):
        values = counted(experiment)
        fitting = values is not None and experiment.pictures * values[2] <= SECOND_ORDER
        parts = (experiment.model_copy(update={"attack": part}) for part in (_MEMBERS if fitting else _MEMBERS[:1]))
        return max((found for found in map(footprint, parts) if found is not None), key=lambda f: f.one, default=None)
    found = counted(experiment)
    if found is None:
        return None
    parameters, activations, pixels = found
    if isinstance(experiment.server, Imprint):
        parameters += 2 * experiment.server.bins * pixels
    pictures, settings = experiment.pictures, experiment.attack
    wide = 8 if settings.double else 4
    network = BASE + 4 * COPIES * parameters
    steps, batch = _played(experiment)
    trial = steps * wide * (PER_PARAMETER * parameters + PER_ACTIVATION * batch * activations)
    if isinstance(settings, ReadBins | Transformer):  # one gradient, of nothing that is differentiated twice
        trial = 4 * (OF_REPLAY * parameters + PER_ACTIVATION * batch * activations)
    trials = settings.trials
    kept = trials * pictures * pixels * 4 * (PER_PIXEL + _history(settings))
    if isinstance(settings, LevenbergMarquardt):
        kept = pictures * pixels * 8 * (settings.krylov + PER_PIXEL)
    elif isinstance(settings, ClosedForm) and not isinstance(settings, ReadBins):
        kept += 4 * 8 * min(UNKNOWNS, pictures * pixels) ** 2
    chunk = max(1, min(MAX_CHUNK, trials, CHUNK_BYTES // max(1, trial)))
    few = min(pictures, METER_IMAGES)
    meter = (
        network
        + (parameters <= METER_PARAMETERS) * 8 * (PER_PARAMETER * parameters + PER_ACTIVATION * few * activations)
        + 8 * 120 * few * pixels
    )
    return Footprint(network + trial + kept, network + chunk * trial + kept, meter, trial)


def trials_at_once(experiment: Experiment, limit: int) -> int | None:
    """Trials that may be at work together in so many bytes, one at least; None where that is not known."""
    found = footprint(experiment)
    return None if found is None else 1 + int(max(0, limit - found.one) // max(1, found.trial))


def problem(experiment: Experiment, lane: str = "interactive") -> Problem | None:
    """Why an experiment takes more memory than a worker may: one sentence, the same wherever it is asked."""
    found, limit = footprint(experiment), allowances.memory(lane)
    if found is None or found.one <= limit:
        return None
    shape = (
        f"{experiment.pictures} picture{'s' if experiment.pictures > 1 else ''} of {_shape_words(experiment)} pixels"
    )
    trials = experiment.attack.trials
    shape += f" with {trials} trials" if trials > 1 else ""
    return Problem(
        "attack",
        f"{shape} on this network take about {allowances.readable(found.one)} of memory, and {allowances.readable(limit)} are"
        " allowed (GI_MEMORY_MB): choose fewer trials, fewer or smaller pictures or a smaller network",
    )


def unseen(experiment: Experiment) -> str:
    """Why a preview shows the pictures only, one sentence; "" where it can say more."""
    found, limit = footprint(experiment), allowances.preview()
    if found is None or max(found.one, found.meter) <= limit:
        return ""
    return (
        f"looking ahead would take about {allowances.readable(max(found.one, found.meter))} of memory, and"
        f" {allowances.readable(limit)} are allowed for it (GI_PREVIEW_MB): the run itself says time and exposure"
    )


def refuse(experiment: Experiment, lane: str) -> None:
    """Raises SpecError where `problem` sees one."""
    found = problem(experiment, lane)
    if found is not None:
        raise SpecError(found.reason)


def shape_of(experiment: Experiment) -> tuple[int, int]:
    """(height, width) of the pictures as the network gets them, at most. Those that are kept whole are looked at."""
    usual = experiment.model.side_for(SIDE)
    if experiment.size == sizes.OWN and experiment.recorded is None:
        try:
            with memory_limit():
                return geometry(experiment, [resolve(ref) for ref in experiment.samples])[0]
        except SpecError:
            return usual, usual  # why they cannot be read is somebody else's to say
    return sizes.sides(experiment.size) or (usual, usual)


def _shape_words(experiment: Experiment) -> sizes.Size:
    return sizes.whole(*shape_of(experiment))


def counted(experiment: Experiment) -> tuple[int, int, int] | None:
    """(parameters, values of all outputs for one picture, values of one picture)."""
    channels = experiment.channels or experiment.model.channels_only or 3
    return _counted(experiment.model.model_dump_json(), experiment.model, (channels, *shape_of(experiment)))


@lru_cache(maxsize=64)
def _counted(key: str, settings: Model, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    if isinstance(settings, OwnNetwork):
        found = settings.parameters, settings.values * prod(shape[1:]) + prod(shape), prod(shape)
        return found if settings.values else None
    try:
        graph = drawing(settings, shape, settings.classes or 10)
    except SpecError:
        return None
    return graph.parameters, sum(prod(layer.shape) for layer in graph.layers) + prod(shape), prod(shape)


def _history(settings: AttackSettings) -> int:
    return HISTORY if isinstance(settings, Matching) and settings.second_order else 0


def _played(experiment: Experiment) -> tuple[int, int]:
    """(local steps that are differentiated for each candidate, pictures in one)."""
    client, pictures = experiment.client, experiment.pictures
    if not isinstance(client, FedAvg) or isinstance(experiment.attack, ClosedForm):
        return 1, pictures
    clients = client.clients
    steps, batch = client.local_steps(-(-pictures // clients))
    rounds = experiment.attack.local_rounds
    if rounds == "simulated" or (rounds == "auto" and steps <= MOST_SIMULATED):
        return max(1, steps * clients), batch
    return 1, pictures
