"""One sentence of advice from a frontier, and its limits. No torch.

Judged against the strongest attacker of each picture. A setting helps where a person would see fewer of its pictures than of the
same pictures undefended, by more than chance among all settings tried (Fisher's exact test, as in `gi_core.deployment`). Of
those that cost at most `AFFORDABLE` accuracy, the one that leaves fewest is named; of those that leave as few within error, the
cheapest. Where no difference is more than chance, it is said how many more pictures would tell.

Nothing is advised while a run or a training is missing: any setting that is not measured yet could be the better one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gi_core.analysis.frontier.points import ADAPTIVE, NAIVE, NONE, Point, reading, strongest
from gi_core.analysis.frontier.ranking import error, helps, less, seen
from gi_core.metrics.intervals import beyond_chance, counted, more_to_tell
from gi_core.metrics.registry import METRICS
from gi_core.settings import DEFENSES
from gi_core.settings.defense_base import HEURISTIC, DefenseSettings

AFFORDABLE = 0.05
Level = Literal["exposed", "partly", "protected", "open"]


@dataclass(frozen=True)
class Advice:
    """level: for a colour and a sign. claim: one sentence. seen: what naive and adaptive attacker differ by, and what servers do. limits:
    what the claim rests on. best: the point advised, if any.
    """

    level: Level
    claim: str
    seen: str = ""
    limits: str = ""
    best: Point | None = None


def advice(found: Sequence[Point], about: str = "", over: bool = True) -> Advice:
    """The advice that follows from all points, naive and adaptive. about: what was measured, for the limits. over: whether more are to come."""
    missing = _missing(found, over)
    if missing:
        return Advice("open", f"No advice yet: {missing}. Any of them could change which defense is best.")
    judged = [p for p in strongest(found) if p.complete]
    bare = next((p for p in judged if p.kinds == NONE), None)
    others = [p for p in judged if p.kinds != NONE]
    if bare is None or not others:
        missing = (
            "the undefended client is not among them" if others else "an undefended client and one defense are needed"
        )
        wait = "" if over else ", and more is coming"
        return Advice("open", f"Too little has been measured to advise: {missing}{wait}.")
    so_far = "" if over else "So far, "
    helping = [p for p in others if helps(p, bare, len(others))]
    told, limits = (
        " ".join(filter(None, (of_servers(found), _difference(found)))),
        _limits(judged, about) + _unjudged(found),
    )
    if not helping:
        level, claim = _undecided(others, bare)
        return Advice(level, _sentence(so_far + claim), told, limits)
    affordable = [p for p in helping if _cost(p, bare) <= AFFORDABLE]
    if not affordable:
        best = min(helping, key=lambda p: _cost(p, bare))
        claim = (
            f"no defense that helps costs less than {100 * AFFORDABLE:.0f} points of accuracy; the cheapest, {best.name},"
            f" {_price(best, bare)} and leaves {_left(best, bare)}."
        )
        return Advice("partly", _sentence(so_far + claim), told, limits + _guarantee(best), best)
    least = min(affordable, key=lambda p: (len(p.seen), p.exposure))
    tied = [p for p in affordable if not less(least, p) and not beyond_chance(*seen(least, p))]
    best = min(tied, key=lambda p: (_cost(p, bare), p.exposure))
    rest = sorted((p for p in tied if p is not best), key=lambda p: _cost(p, bare))
    equal = (
        f", and {_names([p.name for p in rest])} {'leaks' if len(rest) == 1 else 'leak'} as little within error"
        if rest
        else ""
    )
    claim = (
        f"of {_count(others)} {best.name} is the one to switch on: it {_price(best, bare)} and leaves"
        f" {_left(best, bare)}{equal}."
    )
    return Advice(
        "partly" if best.seen else "protected", _sentence(so_far + claim), told, limits + _guarantee(best), best
    )


def _undecided(others: Sequence[Point], bare: Point) -> tuple[Level, str]:
    """What is said where no setting leaves fewer pictures by more than chance."""
    without = f"no defense at all leaves {_seen(bare)}"
    if not bare.seen:
        return (
            "open",
            f"there is nothing to advise: {without}, so no setting can leave fewer; another attack may see more.",
        )
    best = min(others, key=lambda p: (len(p.seen) / len(p.leaks), p.exposure))
    more = more_to_tell(*seen(best, bare), len(others))
    if len(best.seen) * len(bare.leaks) >= len(bare.seen) * len(best.leaks):
        return (
            "exposed",
            f"of {_count(others)} none leaves fewer pictures that a person would see: {without}, {best.name} {_seen(best)}.",
        )
    tell = (
        "no number of pictures up to a thousand would tell"
        if more is None
        else f"about {more} more pictures would tell"
    )
    return "open", (
        f"no advice: the difference is within the uncertainty. {_sentence(best.name)} leaves {_seen(best)}, {without}; if these shares"
        f" stay, {tell}."
    )  # fmt: skip


def _seen(p: Point) -> str:
    return counted(len(p.seen), len(p.leaks), "pictures that a person would see")


def _left(p: Point, bare: Point) -> str:
    """What is left to the attacker, beside no defense."""
    return (
        f"the strongest attacker {_seen(p)} in place of {counted(len(bare.seen), len(bare.leaks), 'without it')}, median"
        f" {METRICS[p.metric].title} {reading(p.metric, p.leakage)} in place of {reading(p.metric, bare.leakage)}"
    )


def of_servers(found: Sequence[Point]) -> str:
    """How many pictures each server got at each setting, "" where there is one server."""
    servers = list(dict.fromkeys(p.server for p in found))
    if len(servers) < 2:
        return ""
    each = [{p.name: p for p in strongest([p for p in found if p.server == one])} for one in servers]
    parts = [
        f"{name}: {', '.join(f'{one[name].server} {len(one[name].seen)} of {len(one[name].leaks)}' for one in each if name in one)}"
        for name in each[0]
    ]
    return f"Pictures that a person would see, by server. {'; '.join(parts)}." if parts else ""


def _missing(found: Sequence[Point], over: bool) -> str:
    """What was asked and not measured: attacks that wait or were taken back, trainings that wait. "" where nothing is."""
    asked, runs = sum(p.asked for p in found), sum(p.waiting + p.unrun for p in found)
    settings = {p.name: p for p in found}.values()
    most = max((p.seeds for p in settings), default=0)
    trainings = sum(p.accuracy is None or p.seeds < most for p in settings)
    parts = [f"{runs} of {asked} attacks"] if runs else []
    if trainings and (runs or not over):
        parts.append(f"the accuracy of {trainings} of {len(settings)} settings")
    if not parts:
        return ""
    return " and ".join(parts) + (
        " are still to come" if any(p.waiting for p in found) or not over else " were never measured"
    )


def _cost(p: Point, bare: Point) -> float:
    return (bare.accuracy or 0.0) - (p.accuracy or 0.0)


def _price(p: Point, bare: Point) -> str:
    cost, deviation = 100 * _cost(p, bare), 100 * math.hypot(error(p), error(bare))
    margin = f" (± {2 * deviation:.0f})" if p.seeds > 1 and bare.seeds > 1 else ""
    if abs(cost) < 0.5 or cost < 0:
        return f"costs no accuracy that was measured{margin}"
    return f"costs {cost:.0f} point{'s' * (round(cost) != 1)}{margin} of accuracy"


def _leak(p: Point) -> str:
    return f"{METRICS[p.metric].title} {reading(p.metric, p.leakage)}"


def _difference(found: Sequence[Point]) -> str:
    """How much knowing the defense helps the attacker, at the setting where it helps most."""
    pairs: dict[str, dict[str, Point]] = {}
    for p in found:
        if p.leaks and p.kinds != NONE:
            pairs.setdefault(f"{p.name} {p.server}", {})[p.attacker] = p
    both = [(pair[NAIVE], pair[ADAPTIVE]) for pair in pairs.values() if {NAIVE, ADAPTIVE} <= set(pair)]
    if not both:
        return ""
    naive, knowing = max(both, key=lambda pair: pair[1].exposure - pair[0].exposure)
    better = sum(less(n, a) for n, a in both)
    if not better:
        return f"Knowing the defense helped the attacker measurably against none of {len(both)}."
    return (
        f"Knowing the defense helped the attacker measurably against {better} of {len(both)}, most against {naive.name}:"
        f" {_leak(knowing)} in place of {_leak(naive)}."
    )


def _limits(judged: Sequence[Point], about: str) -> str:
    pictures, seeds = max(len(p.leaks) for p in judged), max(p.seeds for p in judged)
    measured = f"Measured on {pictures} picture{'s' * (pictures > 1)}{about}, accuracy over {seeds} training{'s' * (seeds > 1)}"
    return f"{measured}; a stronger attacker may exist, and other data may cost more or less."


def _unjudged(found: Sequence[Point]) -> str:
    """Which settings are left out because an attack failed or no accuracy is known."""
    failed = list(dict.fromkeys(p.name for p in found if not p.leaks and not p.waiting))
    untrained = list(dict.fromkeys(p.name for p in found if p.leaks and p.accuracy is None))
    said = f" Not judged, since an attack on it failed: {_names(failed)}." if failed else ""
    return said + (f" Not judged, since its accuracy is not known: {_names(untrained)}." if untrained else "")


def _guarantee(best: Point) -> str:
    kinds = [DEFENSES[k] for k in best.kinds.split(" + ") if k in DEFENSES]
    promised = [kind.guarantee for kind in kinds if issubclass(kind, DefenseSettings)]
    if any(not text.startswith((HEURISTIC, "none")) for text in promised):
        return " It has a proven guarantee that depends on its settings: the lab states it beside them."
    return f" {_sentence(best.name)} is a heuristic without guarantee."


def _count(others: Sequence[Point]) -> str:
    return f"the {len(others)} settings tried," if len(others) > 1 else "the one setting tried,"


def _names(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
