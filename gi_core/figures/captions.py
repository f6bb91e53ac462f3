"""The settings behind a figure, as they are written on a command line: who has the caption can ask the question again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.settings import Experiment, SpecError, build
from gi_core.settings.federation import Federation, build_federation
from gi_core.settings.sweep import Sweep

_MOST = 3
"""References of pictures that are named; more are counted."""


def of_run(asked: Experiment | Mapping[str, Any] | None, result: Mapping[str, Any] | None = None) -> str:
    """Pictures, network, client, defenses, attack and seed; iterations and seconds where there is a result."""
    e = _experiment(asked)
    if e is None:
        return _of_result(result or {})
    parts = [_pictures(e), f"network {e.model.name}", _weights(e), f"client {e.client.name}"]
    parts += [f"server {e.server.name}" if e.server.changes else "", _defenses(e.defenses)]
    parts += [
        f"attack {e.attack.name}",
        f"normalisation {e.normalise}" if e.normalise != "none" else "",
        f"seed {e.seed}",
    ]
    return _joined([*parts, *_spent(result or {})])


def of_influence(
    asked: Experiment | Mapping[str, Any] | None, found: Mapping[str, Any], shape: Sequence[int] | None = None
) -> str:
    """One picture of an influence analysis: the picture, the network and its weights, exact or estimated."""
    e = _experiment(asked)
    parts = [f"picture {found['sample']}", f"{shape[1]} × {shape[2]} pixels" if shape else ""]
    parts += [f"network {e.model.name}", _weights(e)] if e is not None else []
    parts.append("all eigenvalues" if found.get("exact") else "estimated from random probes")
    return _joined(parts)


def of_rank(report: Mapping[str, Any]) -> str:
    """Network, input and how ranks were found."""
    channels, *sides = report["input"]
    how = "measured on drawn weights" if report["mode"] == "numeric" else "counted"
    return _joined([f"network {report['model']}", f"input {channels} × {' × '.join(map(str, sides))}", f"ranks {how}"])


def of_sweep(sweep: Sweep | None, records: Sequence[Mapping[str, Any]]) -> str:
    """Name, what varies, how many experiments have ended, and the settings that they share."""
    ended = sum(row.get("state") == "done" for row in records)
    count = f"{ended} of {len(records)} experiments"
    if sweep is None:
        return _joined([count])
    varies = ", ".join(f"{axis.name} ({len(axis.values)})" for axis in sweep.axes)
    return _joined(
        [sweep.name, count, f"varied: {varies}" if varies else "", f"from: {of_run(sweep.base).rstrip('.')}"]
    )


def of_federation(asked: Federation | Mapping[str, Any] | None) -> str:
    """Data, clients, how they train, rounds, defenses, attack and seed."""
    f = asked
    if isinstance(f, Mapping):
        try:
            f = build_federation(dict(f))
        except SpecError:
            f = None
    if not isinstance(f, Federation):
        return ""
    pictures = (
        f"{f.pictures[0]} pictures each" if len(f.pictures) == 1 else ", ".join(map(str, f.pictures)) + " pictures"
    )
    dealt = f"dirichlet({f.alpha:g})" if f.partition == "dirichlet" else f.partition
    parts = [f"data {f.data}", f"{f.clients} clients with {pictures}, {dealt}", f"{f.rounds} rounds"]
    parts += [
        f"{f.size} pixels" if f.size else "",
        f"network {f.model.name}",
        f"client {f.client.name}",
        f"server {f.server.name}" if f.server.changes else "",
        _defenses(f.defenses),
    ]
    return _joined([*parts, f"attack {f.attack.name if f.attack else 'none'}", f"seed {f.seed}"])


def _experiment(asked: Experiment | Mapping[str, Any] | None) -> Experiment | None:
    """None of a document that is no experiment, such as one that was damaged: its figure has its numbers all the same."""
    if asked is None or isinstance(asked, Experiment):
        return asked
    try:
        return build(dict(asked))
    except SpecError:
        return None


def _of_result(result: Mapping[str, Any]) -> str:
    """What the result itself says, where nobody has its question."""
    kinds = [
        (name, (result.get(part) or {}).get("kind")) for name, part in (("network", "model"), ("attack", "attack"))
    ]
    kept = [str(effect.get("kind")) for effect in result.get("defenses") or ()]
    parts = [f"{name} {kind}" if kind else "" for name, kind in kinds]
    return _joined([*parts, f"defenses {' + '.join(kept)}" if kept else "", *_spent(result)])


def _pictures(e: Experiment) -> str:
    if e.recorded is not None:
        return f"recorded update of {e.recorded.images} picture{'s' * (e.recorded.images > 1)}"
    more = f" and {len(e.samples) - _MOST} more" if len(e.samples) > _MOST else ""
    size = f", {e.size} pixels" if e.size else ""
    return f"picture{'s' * (len(e.samples) > 1)} {', '.join(e.samples[:_MOST])}{more}{size}"


def _weights(e: Experiment) -> str:
    said = {k: v for k, v in e.weights.model_dump(mode="json", exclude_defaults=True).items() if k != "kind"}
    kind = e.weights.kind
    return f"weights {kind}" + (f" ({', '.join(f'{k} {v}' for k, v in said.items())})" if said else "")


def _defenses(defenses: Sequence[Any]) -> str:
    return "defenses " + (" + ".join(d.name for d in defenses) or "none")


def _spent(result: Mapping[str, Any]) -> list[str]:
    iterations, seconds = result.get("iterations"), result.get("seconds")
    return [f"{iterations:,} iterations" if iterations else "", f"{seconds:.3g} s" if seconds else ""]


def _joined(parts: Sequence[str]) -> str:
    said = "; ".join(part for part in parts if part)
    return f"{said[:1].upper()}{said[1:]}." if said else ""
