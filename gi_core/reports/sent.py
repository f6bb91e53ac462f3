"""What leaves the client, in words: a run's name, and the line under the form's switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gi_core.settings import CLIENTS, MODELS, SERVERS, Experiment
from gi_core.settings.client import FedAvg
from gi_core.settings.client_base import Client

_PARTS = {"head": "the last layer alone", "adapter": "adapters alone"}


def short(spec: Mapping[str, Any]) -> list[str]:
    """What is particular about the client of a stored spec; nothing for one plain gradient."""
    client = _part(CLIENTS, spec.get("client") or {}, "fedsgd")
    model = _part(MODELS, spec.get("model") or {}, "lenet")
    found = []
    if isinstance(client, FedAvg):
        taken, _ = client.local_steps(len(spec.get("samples") or (1,)))
        found.append("weight change" if taken == 1 else f"{taken} local steps")
        found += [f"{client.clients} clients added up"] if client.clients > 1 else []
    if isinstance(client, Client) and client.rounds > 1:
        found.append(f"{client.rounds} rounds")
    if isinstance(client, Client) and client.trains != "all":
        found.append(_PARTS[client.trains])
    server = _part(SERVERS, spec.get("server") or {}, "honest")
    found += [server.title.lower()] if server is not None and server.changes else []
    if isinstance(client, Client) and client.batch_norm == "train" and model is not None and model.has_batch_norm:
        found.append(f"statistics {client.statistics}")
    return found


def _part(known: Mapping[str, Any], value: Mapping[str, Any], usual: str) -> Any:
    """One part of a stored spec, or None where it can no longer be read."""
    try:
        return known[value.get("kind", usual)](**value)
    except (KeyError, TypeError, ValidationError):
        return None


def sentence(experiment: Experiment, weights: int | None) -> str:
    """What the server has, in one plain sentence. weights: how many values the update has, where that is known."""
    client, pictures = experiment.client, len(experiment.samples)
    many = f"{weights:,} weights" if weights else "all weights"
    if isinstance(client, FedAvg):
        taken, batch = client.local_steps(pictures)
        whose = (
            f"the mean change of {many} of {client.clients} clients" if client.clients > 1 else f"the change of {many}"
        )
        parts = [f"{whose} after {_count(taken, 'step')} of {_count(batch, 'picture')}"]
    else:
        many = many if client.trains == "all" else _PARTS[client.trains]
        parts = [f"the gradient of {many} on {_count(pictures, 'picture')}"]
    if client.rounds > 1:
        parts.append(f"in each of {client.rounds} rounds with the network before it")
    if experiment.server.changes:
        parts.append("of a network that it changed to " + experiment.server.asks)
    if experiment.defenses:
        parts.append("after " + " and ".join(inside(d.title) for d in experiment.defenses))
    if client.batch_norm == "train" and experiment.model.has_batch_norm:
        parts.append(f"with{'' if client.statistics == 'shared' else 'out'} batch norm statistics")
    if isinstance(client, FedAvg) and not client.schedule_known:
        parts.append("without the schedule")
    label = "label" if pictures == 1 else "labels"
    parts.append(f"and the {label}" if client.labels_known else f"not the {label}")
    return ", ".join(parts) + "."


def inside(title: str) -> str:
    """A title within a sentence: DP-SGD and the like stay as they are."""
    return title[:1].lower() + title[1:] if title[1:2].islower() or title[1:2] == "-" else title


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
