"""What is wrong with a federation as asked, before anything runs: a sentence for each. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.check import Problem, problems
from gi_core.settings.federation import Federation, round_of


def federation_problems(settings: Federation) -> list[Problem]:
    """What is wrong with the question as asked, worst first; empty when it can be run."""
    return sorted(_problems(settings), key=lambda p: not p.fatal)


def _problems(settings: Federation) -> Iterator[Problem]:
    n, count = settings.clients, len(settings.pictures)
    if count not in (1, n):
        yield Problem(
            "pictures", f"give one number of pictures for all, or one for each of the {n} clients, not {count}"
        )
        return
    if settings.client.sends == "gradient":
        if settings.attack is not None or settings.record == "all":
            yield Problem(
                "client", "single gradients are for measuring accuracy: set attack to null and record to none, or"
                " client.kind to fedavg",
            )  # fmt: skip
    elif settings.client.clients > 1:
        yield Problem("client.clients", "a federation has clients of its own: set client.clients to 1")
    if settings.client.rounds > 1:
        yield Problem("client.rounds", "a federation has rounds of its own: set client.rounds to 1")
    if settings.participation * n < 0.5:
        yield Problem("participation", f"with {n} clients nobody would take part: raise participation", fatal=False)
    for victim in settings.victims:
        if victim > n:
            yield Problem("attacked", f"there is no client {victim} to attack: they are counted from 1 to {n}")
        elif settings.shares[victim - 1] > MAX_BATCH:
            has = settings.shares[victim - 1]
            yield Problem(
                "attacked",
                f"client {victim} has {has} pictures and an attack takes at most {MAX_BATCH}: attack another client, or"
                " give it fewer",
            )
        else:
            yield from _of_victim(settings, victim)


def _of_victim(settings: Federation, victim: int) -> Iterator[Problem]:
    for p in problems(round_of(settings, settings.shares[victim - 1])):
        if p.field != "samples" or p.fatal:
            yield Problem(p.field, f"client {victim}: {p.reason}", p.fatal)
