"""What a federation's job says, while it runs and afterwards: plain values for charts, words and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gi_core.jobs.job import Job
from gi_core.metrics.words import of_several


@dataclass(frozen=True)
class Found:
    """values: the job's result, or its progress while it goes on."""

    values: Mapping[str, Any]

    @property
    def rounds(self) -> list[Mapping[str, Any]]:
        return list(self.values.get("rounds") or ())

    @property
    def start(self) -> Mapping[str, Any] | None:
        return self.values.get("start")

    @property
    def measure(self) -> str:
        """RDLV, or SSIM where the server has no prior."""
        seen = [one["measure"] for one in self.leaks() if one.get("measure")]
        return "SSIM" if seen and set(seen) == {"ssim"} else "RDLV"

    def leaks(self, client: int | None = None) -> list[Mapping[str, Any]]:
        """Entries of attacked clients, with their round; of one client or all."""
        found = [{**one, "round": r["round"]} for r in self.rounds for one in r["clients"]]
        return [one for one in found if client in (None, one["client"])]

    def clients(self) -> list[int]:
        """Numbers of the attacked clients, ascending."""
        return sorted({one["client"] for one in self.leaks()})

    def about(self, client: int) -> str:
        """Client 5 · 1 picture: face."""
        known = next((c for c in self.values.get("clients") or () if c["client"] == client), None)
        if known is None:
            return f"Client {client}"
        count = known["pictures"]
        labels = ", ".join(name if n == count else f"{n} {name}" for name, n in list(known["labels"].items())[:4])
        return f"Client {client} · {count} picture{'s' * (count > 1)}: {labels}"


def found_of(job: Job) -> Found:
    """The result once there is one, else what is known so far."""
    return Found(job.result or job.progress or {})


def sentence(found: Found) -> tuple[str, str, str]:
    """(level, what happened in a few words, the sentence)."""
    last, leaks = found.rounds[-1], [one for one in found.leaks() if one.get("ssim") is not None]
    start = (found.start or {}).get("accuracy")
    learnt = f"After {last['round']} round{'s' * (last['round'] > 1)} the network is right on {_percent(last['accuracy'])} of new pictures"
    learnt += f" ({_percent(start)} before)." if start is not None else "."
    if not leaks:
        why = "no attack found anything" if found.leaks() else "nobody was attacked"
        return "protected", f"The network learnt; {why}", learnt
    worst = max(leaks, key=lambda one: one["ssim"])
    said = [of_several(one.get("per_image") or [one]) for one in leaks]
    exposed = sorted({one["client"] for one, words in zip(leaks, said, strict=True) if words.level == "exposed"})
    text = (
        f"{learnt} Most was read from client {worst['client']} in round {worst['round']}: SSIM {worst['ssim']:.2f},"
        f" PSNR {worst['psnr']:.1f} dB."
    )
    if exposed:
        who = f"Client {exposed[0]}" if len(exposed) == 1 else "Clients " + ", ".join(map(str, exposed))
        return "exposed", f"{who} could be read", text
    if any(words.level == "partly" for words in said):
        return "partly", "Traces came back, but nothing that a person would see whole", text
    return "protected", "Nothing came back that a person would see", text


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
