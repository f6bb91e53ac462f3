"""Settings that follow a choice: what another picture, network or attack would make the form refuse is set to what fits.

Only what stood before is changed, never what a person has just chosen, and one sentence tells of each change. A change of
the attack is taken back once it is no longer needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gi_core import data
from gi_core.data.archives import DATA_SETS
from gi_core.settings import ATTACKS, Experiment, SpecError, build, normalising, problems
from gi_core.settings.client import FedAvg
from gi_core.settings.sizes import OWN
from pages.shared import form
from pages.shared.experiment import possible

_SHAPES = {name: (known.channels, known.side) for name, known in DATA_SETS.items()} | {"bundled/faces": (1, 25)}
"""Data set -> (channels, side); pictures of other sources are seen by a worker only."""
_INSTEAD = "inverting_gradients"
_BEFORE = "adapting.before"
Change = Callable[[Experiment, list[str]], Experiment]


def pictures(said: Sequence[str] = ()) -> None:
    """Other pictures were chosen. said: the notice of that already."""
    now = form.current()
    kept = form.remembered(_BEFORE)
    before = kept[1] if kept is not None and kept[0] == now.attack else None
    found, more = fitted(now, before)
    _take(now, found, [*said, *more])
    if found.attack != now.attack:
        form.remember(_BEFORE, None if found.attack == before else (found.attack, now.attack))


def network() -> None:
    """Another network was chosen."""
    _follow(_shape)


def labels() -> None:
    """Another attack was chosen, or what the server knows: the label strategy alone gives way."""
    _follow(_labels)


def fitted(e: Experiment, before: Any = None) -> tuple[Experiment, list[str]]:
    """(the experiment as it can be run on its pictures, one sentence for each setting that was changed).

    before: the attack that stood before it was changed here, which comes back where it fits.
    """
    said: list[str] = []
    for change in (_counts, _shape):
        e = change(e, said)
    back = e.model_copy(update={"attack": before})
    if before is not None and not _wrong(back):
        what = "The attack is " + before.title if before.kind != e.attack.kind else f"Labels is {_word(before.labels)}"
        return back, [*said, f"{what} again, as before."]
    for change in (_labels, _attack):
        e = change(e, said)
    return e, said


def one_source(refs: Sequence[str]) -> tuple[list[str], list[str]]:
    """(references, sentences): the pictures of one data set, that of the last; others have other classes."""
    own = next((source for source in map(_source, reversed(refs)) if source), "")
    kept = [ref for ref in refs if _source(ref) in ("", own)]
    left = len(kept) < len(refs)
    return kept, ["The pictures of one update come from one data set, so the others were left out."] * left


def _source(ref: str) -> str:
    """The data set whose classes a picture has; "" where it has none."""
    if ref.startswith("upload:"):
        return ""
    bare = ref.split("#")[0]
    if bare.startswith("folder:"):
        return bare.rpartition(":")[0]
    name = bare.split(":")[0]
    return name.split("/")[0] if name != "bundled/faces" else name


def _follow(change: Change) -> None:
    said: list[str] = []
    now = form.current()
    _take(now, change(now, said), said)


def _take(now: Experiment, found: Experiment, said: list[str]) -> None:
    if found != now or said:
        form.adapt(found, said)


def _counts(e: Experiment, said: list[str]) -> Experiment:
    """What depends on how many pictures there are, and on their labels."""
    sources, client = {_source(ref) for ref in e.samples}, e.client
    if e.size == OWN and len(e.samples) > 1 and not (len(sources) == 1 and sources <= set(_SHAPES)):
        e = _with(e, size=None)
        said.append("Size is automatic now, because the pictures of one update have one shape.")
    if isinstance(client, FedAvg) and client.clients > len(e.samples):
        e = _with(e, client={**client.model_dump(mode="json"), "clients": len(e.samples)})
        said.append(f"Clients is set to {len(e.samples)} now, because there are no more pictures to deal out.")
    if e.labels is not None and len(e.labels) != len(e.samples):
        e = _with(e, labels=None)
        said.append("Labels are the pictures' own now, because there are others than before.")
        if getattr(e.server, "of_class", None) is not None:
            e = _with(e, server={**e.server.model_dump(mode="json"), "of_class": None})
            said.append("The server fishes for the first picture's class now.")
    known = {info.ref: info.label for info in data.catalogue() if info.label is not None}
    highest = max([*(known.get(ref.split("#")[0], 0) for ref in e.samples), *(e.labels or ())])
    if e.model.classes is not None and not e.model.one_logit and highest >= e.model.classes:
        e = _with(e, model={**e.model.model_dump(mode="json"), "classes": None})
        said.append("Classes is automatic now, because these pictures have more.")
    return e


def _shape(e: Experiment, said: list[str]) -> Experiment:
    """Size and channels, where nobody asked for any and the network or the normalisation needs others than the pictures'."""
    sources = {_source(ref) for ref in e.samples}
    grey = all(_SHAPES.get(source, (3,))[0] == 1 for source in sources)
    if e.recorded is None and e.channels is None:
        if e.model.channels_only is not None and (grey or "" in sources):
            e = _with(e, channels=e.model.channels_only)
            said.append(f"Channels is set to {e.channels} now, because {e.model.title} takes no others.")
        elif grey and normalising.channels(e.normalise) == 3:
            e = _with(e, channels=3)
            said.append("Channels is set to 3 now, because the normalisation has three numbers.")
    own = min(32, *(_SHAPES.get(source, (3, 32))[1] for source in sources), 32)
    if e.recorded is None and e.size is None and e.model.usual_side is not None:
        e = _with(e, size=e.model.usual_side)
        said.append(f"Size is set to {e.size} now, on which such networks are trained.")
    if e.recorded is None and e.size is None and e.model.side_for(own) != own:
        e = _with(e, size=e.model.side_for(own))
        said.append(f"Size is set to {e.size} now, because {e.model.title} does not take {own} pixels.")
    return e


def _labels(e: Experiment, said: list[str]) -> Experiment:
    """Another label strategy, where this one cannot be used."""
    now = e.attack.model_dump(mode="json")
    if not _wrong(e, "attack.labels"):
        return e
    for other in possible.LABELS:
        try:
            found = _with(e, attack={**now, "labels": other})
        except SpecError:
            continue  # not a strategy of this attack
        if not _wrong(found, "attack.labels"):
            one = len(e.samples) > 1 and now["labels"] in ("idlg", "observed_delta")
            why = f"{_word(now['labels'])} reads one label only" if one else "the server does not know them"
            said.append(f"Labels is set to {other} now, because {why}.")
            return found
    return e


def _attack(e: Experiment, said: list[str]) -> Experiment:
    """Gradient matching in place of an attack that reads one picture only."""
    if len(e.samples) == 1 or not _wrong(e) or _wrong(e.model_copy(update={"samples": e.samples[:1], "labels": None})):
        return e
    found = _with(e, attack={**possible.fitting(e, _INSTEAD), "adaptive": e.attack.adaptive})
    if _wrong(found):
        return e
    said.append(f"The attack is {ATTACKS[_INSTEAD].title} now, because {e.attack.title} reads one picture only here.")
    return found


def _wrong(e: Experiment, field: str = "attack") -> bool:
    """Whether the attack, or this setting of it, is refused."""
    return any(p.fatal and (p.field + ".").startswith(field + ".") for p in problems(e))


def _with(e: Experiment, **parts: Any) -> Experiment:
    return build({**e.model_dump(mode="json"), **parts})


def _word(labels: str) -> str:
    return labels.replace("_", " ")
