"""The question of the rank page: a network and the picture it takes, and what counting says of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gi_core.analysis.rank import RankReport, counted
from gi_core.data import archives, bundled
from gi_core.data.images import channels_of
from gi_core.data.loading import NO_CLASSES, OWN_SIZE_LIMIT
from gi_core.data.views import bare
from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError, build
from gi_core.settings.custom import AnyLayer, ConvLayer, CustomNet, PoolLayer, ResidualLayer
from gi_core.settings.drawings import drawing
from gi_core.settings.graph import Graph, Shape
from gi_core.settings.networks import Model
from gi_core.settings.sizes import sides

FIRST = build({"size": 32, "channels": 3, "model": {"kind": "cnn6"}, "attack": {"kind": "rgap"}})


@dataclass(frozen=True)
class Fault:
    """Why a drawing makes no network. row: which of its rows, counted from 0, where it is one."""

    sentence: str
    row: int | None = None


def shape(experiment: Experiment) -> Shape:
    """(C, H, W) of the pictures, as `data.load` would make them; uploads are taken for colour."""
    own = [_own(ref) for ref in experiment.samples]
    side = min(OWN_SIZE_LIMIT, *(s for _, s in own))
    return (experiment.channels or max(c for c, _ in own), *(sides(experiment.size) or (side, side)))


def _own(ref: str) -> tuple[int, int]:
    """(channels, side) of a sample, without decoding anybody's file."""
    ref = bare(ref)
    name = ref.removeprefix("bundled/").split(":")[0].split("/")[0]
    if ref.startswith("bundled/") and name in bundled.PICTURES:
        return channels_of(bundled.picture(name)), OWN_SIZE_LIMIT
    if name == "faces":
        return 1, 25
    if name in archives.DATA_SETS:
        return archives.DATA_SETS[name].channels, archives.DATA_SETS[name].side
    return 3, OWN_SIZE_LIMIT


def classes(experiment: Experiment) -> int:
    """Classes of the data, unless the network says otherwise."""
    ref = bare(experiment.samples[0])
    name = ref.removeprefix("bundled/").split(":")[0].split("/")[0]
    if ref.startswith("bundled/"):
        own = len(bundled.FACE_NAMES) if name == "faces" else len(bundled.CLASS_NAMES)
    elif name in archives.DATA_SETS:
        own = len(archives.DATA_SETS[name].class_names) or 100
    else:
        own = NO_CLASSES
    return experiment.model.classes or own


def report(experiment: Experiment) -> RankReport:
    """Counted, at once. Raises SpecError where the drawing makes no network."""
    return _count(experiment.model, shape(experiment), classes(experiment))


def of(job: Job) -> RankReport | None:
    """The prediction for a run, or None where its network cannot be drawn."""
    try:
        return report(build(job.spec))
    except SpecError:
        return None


@lru_cache(maxsize=256)
def _count(model: Model, shape: Shape, classes: int) -> RankReport:
    return counted(model, shape, classes, model.title)


def fault(experiment: Experiment) -> Fault | None:
    """What is wrong with the network for these pictures, if anything."""
    model, picture = experiment.model, shape(experiment)
    try:
        drawing(model, picture, classes(experiment))
    except SpecError as error:
        if isinstance(model, CustomNet):
            for k in range(len(model.layers)):
                found = _row_fault(model, k, picture, classes(experiment))
                if found:
                    return Fault(f"Layer {k + 1}: {found}", k)
        return Fault(str(error))
    return None


def _row_fault(model: CustomNet, k: int, picture: Shape, classes: int) -> str | None:
    """Why the rows up to and with `k` do not fit, when those before do."""

    def until(rows: int) -> Graph:
        return drawing(model.model_copy(update={"layers": model.layers[:rows]}), picture, classes)

    try:
        until(k + 1)
    except SpecError as error:
        row, layers = model.layers[k], until(k).layers
        side = min(next((x.shape[1:] for x in reversed(layers) if len(x.shape) == 3), picture[1:]))
        return _too_large(row, side) or str(error).removeprefix(f"layer {k + 1}: ").removeprefix(f"layer {k + 1} ")
    return None


def _too_large(row: AnyLayer, side: int) -> str | None:
    """A window that reaches over the picture's edge, in words."""
    if isinstance(row, ConvLayer):
        padding, reach = row.padding, row.dilation * (row.kernel - 1) + 1
    elif isinstance(row, ResidualLayer):
        padding, reach = row.kernel // 2, row.kernel
    elif isinstance(row, PoolLayer):
        padding, reach = 0, row.size
    else:
        return None
    if reach > side + 2 * padding:
        room = f"{side} × {side}" + (f" with {padding} of padding" if padding else "")
        return f"a window of {reach} does not fit into a picture of {room}: make it smaller, or the picture larger"
    return None
