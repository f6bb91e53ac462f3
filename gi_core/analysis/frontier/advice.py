"""One sentence of advice from a frontier, and its limits. No torch.

Judged against the stronger attacker of each picture. A defense helps where its pictures leak less than the same pictures
undefended, by more than twice the standard error of that difference and by more than `least` of the metric. Of those
that cost at most `AFFORDABLE` accuracy, the least leak is named; of those that leak as little within error, the cheapest.

Nothing is advised while a run or a training is missing: any setting that is not measured yet could be the better one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gi_core.analysis.frontier.points import ADAPTIVE, NAIVE, NONE, Point, reading, strongest
from gi_core.analysis.frontier.ranking import error, less
from gi_core.metrics.registry import METRICS
from gi_core.settings import DEFENSES
from gi_core.settings.defense_base import HEURISTIC, DefenseSettings

AFFORDABLE = 0.05
Level = Literal["exposed", "partly", "protected", "open"]


@dataclass(frozen=True)
class Advice:
    """level: for a colour and a sign. claim: one sentence. seen: what naive and adaptive attacker differ by. limits:
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
    helping = [p for p in others if less(p, bare)]
    seen, limits = _difference(found), _limits(judged, about) + _unjudged(found)
    if not helping:
        claim = f"of {_count(others)} none lets the stronger attacker see measurably less than no defense at all ({_leak(bare)})."
        return Advice("exposed", _sentence(so_far + claim), seen, limits)
    affordable = [p for p in helping if _cost(p, bare) <= AFFORDABLE]
    if not affordable:
        best = min(helping, key=lambda p: _cost(p, bare))
        claim = (
            f"no defense that helps costs less than {100 * AFFORDABLE:.0f} points of accuracy; the cheapest, {best.name},"
            f" {_price(best, bare)} and leaves the stronger attacker {_leak(best)} in place of {_leak(bare)}."
        )
        return Advice("partly", _sentence(so_far + claim), seen, limits + _guarantee(best), best)
    least = min(affordable, key=lambda p: p.exposure)
    tied = [p for p in affordable if not less(least, p)]
    best = min(tied, key=lambda p: (_cost(p, bare), p.exposure))
    rest = sorted((p for p in tied if p is not best), key=lambda p: _cost(p, bare))
    equal = (
        f", and {_names([p.name for p in rest])} {'leaks' if len(rest) == 1 else 'leak'} as little within error"
        if rest
        else ""
    )
    claim = (
        f"of {_count(others)} {best.name} is the one to switch on: it {_price(best, bare)} and leaves the stronger attacker"
        f" {_leak(best)} in place of {_leak(bare)}{equal}."
    )
    clear = _clear(best)
    if clear:
        claim = claim[:-1] + "; a person still sees pictures."
    return Advice("partly" if clear else "protected", _sentence(so_far + claim), seen, limits + _guarantee(best), best)


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


def _clear(p: Point) -> bool:
    """Whether a person would see any picture of what is left, by the rule of words, whichever metric is looked at."""
    return p.clear > 0


def _difference(found: Sequence[Point]) -> str:
    """How much knowing the defense helps the attacker, at the setting where it helps most."""
    pairs: dict[str, dict[str, Point]] = {}
    for p in found:
        if p.leaks and p.kinds != NONE:
            pairs.setdefault(p.name, {})[p.attacker] = p
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
