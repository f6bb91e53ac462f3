"""The report of a federation: how well the network learnt, and what the server read from whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gi_core.common import surroundings
from gi_core.jobs.job import Job
from gi_core.jobs.store import Store
from gi_core.metrics import claims
from gi_core.metrics.registry import METRICS
from gi_core.metrics.words import of_several
from gi_core.reports import charts, judging, protocol, references
from gi_core.reports.parts import (
    Code,
    Facts,
    Heading,
    Level,
    Paragraph,
    Part,
    Picture,
    Pictures,
    Report,
    Sentences,
    Table,
    Verdict,
)
from gi_core.reports.repeat import by_command
from gi_core.reports.summary import Summary
from gi_core.settings import SpecError
from gi_core.settings.federation import Federation, build_federation
from gi_core.types.exposure import exposures

MOST_SHOWN = 8
"""Attacked clients whose pictures are shown, the most exposed first."""


def report(store: Store, job: Job, truth: bool = True) -> Report:
    """The report. Raises SpecError before the first round is done, and where its originals shall be withheld."""
    found, asked = _document(job, truth), _settings(job)
    level, head, text = verdict(found)
    parts: list[Part] = [Verdict(level, head, text)]
    drawn = charts.of_federation(found)
    parts += [Heading("Round by round"), *drawn] if drawn else []
    said = exposures(found["rounds"])
    parts += [Sentences(tuple(f"Client {k}: {words}." for k, words in said.items()))] if said else []
    parts += _pictures(store.path(job.id), found)
    parts += [Heading("Who took part"), _clients(found), Heading("Every attack"), _attacks(found)]
    parts += [Heading("What this does not say"), Sentences(tuple(limits(found)))]
    parts += [Heading("How it was measured"), Sentences(protocol.SENTENCES)]
    made = [
        ("Federation", job.id),
        ("Report written with", ", ".join(f"{k} {v}" for k, v in surroundings.versions().items())),
    ]
    parts += [Heading("Made with"), Facts(tuple(made))]
    if asked is not None:
        text_ = json.dumps(asked.model_dump(mode="json", exclude_defaults=True), indent=1)
        parts += [
            Heading("To repeat it"),
            Code("python -m gi_core federate federation.json", "bash"),
            Code(text_, "json", "The file federation.json"),
        ]
        program = by_command(["federate", "federation.json"], "federation.json", text_)
        parts.append(Code(program, "python", "The same from Python"))
        entries = references.entries([*references.ANALYSES["federation"], *references.keys(_spec(asked))])
        parts += [
            Heading("References"),
            Sentences(tuple(e.line for e in entries)),
            Code(references.bibtex(entries), "bibtex", "As BibTeX"),
        ]
    return Report(job.title or "Federation", "Federation", _lead(found, asked), tuple(parts))


def summary(store: Store, job: Job, truth: bool = True) -> Summary:
    """The federation on one page."""
    found, asked = _document(job, truth), _settings(job)
    level, head, text = verdict(found)
    shown = _shown(store.path(job.id), found)[:2]
    leaks = attacks(found)
    pictures = sum(one["pictures"] for one in leaks)
    private = (found.get("privacy") or {}).get("epsilon")
    helps = ["What helps was not asked here; a frontier compares defenses by leak and by accuracy."]
    if private is not None:
        helps.insert(0, f"The clients used DP-SGD: its guarantee is epsilon {private:.3g}.")
    return Summary(
        title=job.title or "Federation", asked=_lead(found, asked), level=level, head=head, how_bad=text,
        how_sure=[f"{len(leaks)} attacks on {pictures} pictures in {len(found['rounds'])} rounds were measured."], helps=helps,
        limits=limits(found), pictures=[p for pair in shown for p in pair], source=job.id,
    )  # fmt: skip


def _document(job: Job, truth: bool) -> dict[str, Any]:
    found = job.result or job.progress or {}
    if not found.get("rounds"):
        raise SpecError("no round of this federation is done yet: wait for the first")
    if not truth:
        raise SpecError("a federation is measured against its originals: withhold them in the report of a single run")
    return dict(found)


def _settings(job: Job) -> Federation | None:
    try:
        return build_federation(job.spec)
    except SpecError:
        return None


def _spec(asked: Federation) -> dict[str, Any]:
    """What of it a list of references asks for."""
    plain = asked.model_dump(mode="json")
    source = {"faces": "bundled/faces:0", "bundled": "bundled/astronaut"}.get(asked.data, f"{asked.data}:0")
    return {
        "samples": [source],
        **{n: plain[n] or {"kind": ""} for n in ("attack", "model", "client")},
        "defenses": plain["defenses"],
    }


def attacks(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every attack on a client, with its round."""
    return [{**one, "round": r["round"]} for r in found["rounds"] for one in r["clients"]]


def verdict(found: Mapping[str, Any]) -> tuple[Level, str, str]:
    """(level of the most exposed client, a few words, a sentence). Unknown where nobody was attacked with success measured."""
    last, leaks = found["rounds"][-1], attacks(found)
    learnt = (
        f"After {last['round']} rounds the network is right on {100 * (last['accuracy'] or 0):.0f} % of new pictures."
    )
    measured = [one for one in leaks if one.get("ssim") is not None]
    if not measured:
        why = "the attacks on its clients failed" if leaks else "nobody was attacked"
        return "unknown", "Not known: " + why, learnt
    level = judging.worst(of_several(one.get("per_image") or [one]).level for one in measured)
    most = max(measured, key=lambda one: one["ssim"])
    said = f"{learnt} Most was read from client {most['client']} in round {most['round']}: SSIM {most['ssim']:.2f}, PSNR {most['psnr']:.1f} dB."
    return level, judging.HEADS[level], said


def limits(found: Mapping[str, Any]) -> list[str]:
    """What a federation's report does not say."""
    attacked = sorted({one["client"] for one in attacks(found)})
    many = len(found.get("clients") or ())
    said = (
        [f"{len(attacked)} of {many} clients were attacked; nothing is known of the others."]
        if len(attacked) < many
        else []
    )
    failed = sum("error" in one for one in attacks(found))
    said += [f"{failed} attacks failed; they count as not known."] if failed else []
    said.append(
        "That an attack does not recover a picture proves no protection: more effort, or another attack, may recover it."
    )
    changed = (found.get("settings") or {}).get("server", {}).get("kind", "honest") != "honest"
    server = "changes the network that it sends to the clients it attacks" if changed else "follows the protocol"
    said.append(f"Other data, networks and schedules may answer otherwise; the server here {server}.")
    return said


def _lead(found: Mapping[str, Any], asked: Federation | None) -> str:
    clients, rounds = found.get("clients") or (), found["rounds"]
    attack = f" The server attacks with {asked.attack.title}." if asked is not None and asked.attack is not None else ""
    return f"{len(clients)} clients train one network over {len(rounds)} rounds, each on its own pictures.{attack}"


def _clients(found: Mapping[str, Any]) -> Table:
    rows = tuple(
        (c["client"], c["pictures"], ", ".join(f"{n} {name}" for name, n in c["labels"].items()))
        for c in found.get("clients") or ()
    )
    return Table(("Client", "Pictures", "Of which"), rows, "Clients")


def _attacks(found: Mapping[str, Any]) -> Part:
    leaks = attacks(found)
    if not leaks:
        return Paragraph("Nobody was attacked.")
    known = [name for name in METRICS if any(_measured(one, name) is not None for one in leaks)]
    rows = tuple(
        (one["round"], one["client"], *(_measured(one, name) for name in known), _words(one), one.get("error", ""))
        for one in leaks
    )
    titles = (METRICS[name].axis for name in known)
    return Table(("Round", "Client", *titles, "Words", "Why nothing came"), rows, "Means over a client's pictures")


def _words(leak: Mapping[str, Any]) -> str:
    """What is known of one attack; of one that was kept before there were words, what its numbers say."""
    if "error" in leak:
        return ""
    return claims.sentence(leak["words"]) if "words" in leak else of_several(leak.get("per_image") or [leak]).label


def _measured(leak: Mapping[str, Any], name: str) -> Any:
    """A metric of one attack; of some it is kept as the mean over the pictures."""
    return leak.get(name, leak.get(f"{name}_mean"))


def _pictures(folder: Path, found: Mapping[str, Any]) -> list[Part]:
    shown = _shown(folder, found)
    return (
        [Heading("What came back", "the most exposed first"), Pictures(tuple(p for pair in shown for p in pair), 2)]
        if shown
        else []
    )


def _shown(folder: Path, found: Mapping[str, Any]) -> list[tuple[Picture, Picture]]:
    """Originals and reconstructions of attacked clients, as far as their files are there."""
    pairs = []
    for one in sorted(attacks(found), key=lambda o: -(o.get("ssim") or 0.0))[:MOST_SHOWN]:
        files = one.get("shown") or {}
        read = [_read(folder / Path(str(files.get(name, ""))).name) for name in ("original", "found")]
        if read[0] is not None and read[1] is not None:
            where = f"client {one['client']}, round {one['round']}"
            note = f"SSIM {one['ssim']:.2f}, {one['psnr']:.1f} dB" if one.get("ssim") is not None else ""
            pairs.append((Picture(f"Original, {where}", read[0]), Picture(f"Reconstruction, {where}", read[1], note)))
    return pairs


def _read(path: Path) -> np.ndarray | None:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
