"""The Python that runs an experiment again: run as it is, with the same versions, it gives the same pictures bit for bit.

    same experiment + seed + device + plan  ->  same pictures

Short words are taken where they say all of the experiment; else the whole document stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.reports import python_only
from gi_core.reports.written import call
from gi_core.settings import Experiment, SpecError, build, parse_component
from gi_core.settings.base import Component
from gi_core.settings.client import Fresh, FromFile, Pretrained, Trained


def repeat(spec: Mapping[str, Any], plan: Mapping[str, Any] | None = None, device: str = "") -> str:
    """A program that asks the experiment again. spec: it as JSON. plan: as the run's result has it; measured anew where it is
    left out. device: where the run was done, in place of `auto`. Raises SpecError for an experiment that no longer is one.
    """
    asked = build(dict(spec))
    if asked.device == "auto" and device in ("cpu", "cuda", "mps"):
        asked = asked.model_copy(update={"device": device})
    if python_only.is_held(asked):
        return python_only.program(asked, plan)
    arguments = _short(asked)
    if arguments is None:
        arguments = {"experiment": asked.model_dump(mode="json")}
    if plan:
        arguments["plan"] = dict(plan)
    return "import gi_core as gi\n\n" + call("run", arguments) + "print(result.verdict)\n"


def by_command(words: Sequence[str], name: str = "", text: str = "") -> str:
    """A program that calls the command line. words: after `python -m gi_core`; name, text: a file that it reads, written first."""
    file = f"from pathlib import Path\n\nPath({name!r}).write_text({text!r}, encoding='utf-8')\n" if name else ""
    return f"from gi_core.cli import main\n{file}main({list(words)!r})\n"


def _short(asked: Experiment) -> dict[str, Any] | None:
    """Arguments in the words of the command line; None where they cannot say all of the experiment."""
    plain = Experiment()
    words: dict[str, Any] = {"sample": list(asked.samples)}
    try:
        words |= {"model": _component("model", asked.model), "attack": _component("attack", asked.attack)}
        if asked.client != plain.client:
            words["client"] = _component("client", asked.client)
        if asked.server != plain.server:
            words["server"] = _component("server", asked.server)
        if asked.defenses:
            words["defenses"] = [_component("defense", one) for one in asked.defenses]
        words |= _weights(asked)
    except SpecError:
        return None
    if asked.labels is not None:
        words["label"] = list(asked.labels)
    for name in ("size", "normalise", "seed", "device"):
        if getattr(asked, name) != getattr(plain, name):
            words[name] = getattr(asked, name)
    settings = {n: getattr(asked, n) for n in ("channels", "seconds") if getattr(asked, n) is not None}
    if settings:
        words["settings"] = settings
    return None if asked.recorded is not None else words


def _component(family: str, part: Component) -> str:
    """The part as it is written on a command line. Raises SpecError where that does not read as the same part."""
    if parse_component(family, part.name) != part:
        raise SpecError(f"{part.kind} has settings that no short word says")
    return part.name


def _weights(asked: Experiment) -> dict[str, Any]:
    weights = asked.weights
    if isinstance(weights, Fresh):
        return {}
    if isinstance(weights, FromFile):
        return {"weights": weights.path}
    if isinstance(weights, Pretrained):
        return {"weights": "imagenet"}
    if isinstance(weights, Trained):
        fields = {n: getattr(weights, n) for n, f in Trained.model_fields.items() if n != "kind"}
        changed = {n: v for n, v in fields.items() if v != Trained.model_fields[n].default}
        if all(isinstance(v, (int, float, str)) and "," not in str(v) for v in changed.values()):
            return {"weights": "trained" + (":" if changed else "") + ",".join(f"{k}={v}" for k, v in changed.items())}
    raise SpecError("weights that no short word says")
