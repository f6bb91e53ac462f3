"""What is wrong with a federation as asked, before anything runs: a sentence for each. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.check import Problem, problems
from gi_core.settings.client import FedAvg
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
    if settings.together and settings.attack is not None:
        yield from _together(settings)
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


def _together(settings: Federation) -> Iterator[Problem]:
    """A client's rounds as the attack takes them."""
    attack, client = settings.attack, settings.client
    if attack is not None and not attack.stacks:
        yield Problem(
            "together",
            f"{attack.title} takes one update: switch together off, or choose Levenberg-Marquardt or an attack that matches",
        )
    if settings.server.changes:
        yield Problem("together", "a server that changes the network attacks one round: switch together off")
    for victim in settings.victims:
        images = settings.shares[min(victim, len(settings.shares)) - 1]
        steps, size = client.local_steps(images) if isinstance(client, FedAvg) else (1, images)
        if steps > 1 or size < images or (isinstance(client, FedAvg) and client.accumulate > 1):
            yield Problem(
                "together",
                f"client {victim}: rounds are taken together where each is one step on all pictures: set client.epochs to 1"
                " and leave client.batch_size empty",
            )


def _of_victim(settings: Federation, victim: int) -> Iterator[Problem]:
    for p in problems(round_of(settings, settings.shares[victim - 1])):
        if p.field != "samples" or p.fatal:
            yield Problem(p.field, f"client {victim}: {p.reason}", p.fatal)
