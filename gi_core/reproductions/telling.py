"""A claim and its measurement as a person reads them. A number never stands without its interval and its count."""

from __future__ import annotations

from gi_core.reproductions.claims import UNPRINTED, Claim, Setting
from gi_core.reproductions.verdicts import UNDEFENDED, Counted, Measured
from gi_core.settings.controls import CONTROLS

MARKS = {
    "source": "read at source",
    "plot": "read off a plot",
    "mirror": "mirrored text",
    "second hand": "second hand",
    "unread": "not read",
}


def published_text(claim: Claim) -> str:
    """The published number as it was printed, with where it was read; of what was not read, that alone."""
    mark = MARKS.get(claim.source, claim.source)
    return mark if claim.source in UNPRINTED else f"{claim.printed} ({mark})"


def number(value: float, unit: str) -> str:
    """Three significant digits and the unit."""
    text = f"{value:.1f}" if 1 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def measured_text(claim: Claim, found: Measured | None) -> str:
    """Value, interval and count; why there is none."""
    if found is None:
        return claim.missing or "nothing yet"
    lost = "".join(f", {found[k]} {k}" for k in ("failed", "refused") if found[k])
    if found["value"] is None or found["interval"] is None:
        return f"nothing ({found['pictures']} pictures{lost})"
    low, high = found["interval"]
    what = {"share": "share", "median": "median", "mean": "mean"}[claim.statistic]
    pictures = "1 picture" if found["pictures"] == 1 else f"{found['pictures']} pictures"
    span = f"{number(low, '')} to {number(high, claim.unit)}"
    return f"{number(found['value'], claim.unit)} [{span}], {what} of {pictures}{lost}; {found['data']}"


BESIDE = {
    **{kind: title.removeprefix("Control: ") for kind, (title, _) in CONTROLS.items()},
    UNDEFENDED: "undefended update",
}
"""Control or reference -> what a person calls it."""


def controls_text(claim: Claim, found: Measured) -> list[str]:
    """One line for each standing control and for the undefended update: value, interval and count."""
    lines = [f"{BESIDE[kind]}: {_counted(claim, one)}" for kind, one in found["controls"].items()]
    if lines and "prior" not in found["controls"]:
        lines.append(f"{BESIDE['prior']}: none, the attack has no prior")
    return lines


def accuracy_text(setting: Setting | None, found: Measured) -> str:
    """Accuracy of the main task behind the setting's defenses, without them, and by chance; "" where it was not measured."""
    one = found["accuracy"]
    training = setting.training("bundled") if setting else None
    if one is None or training is None:
        return ""
    bare = "" if one["bare"] is None else f", {_share(one['bare'], one['bare_deviation'])} without the defense"
    chance = "" if one["chance"] is None else f", {100 * one['chance']:.0f} % by chance"
    plural = "training" if one["seeds"] == 1 else "trainings"
    return (
        f"accuracy of the main task: {_share(one['value'], one['deviation'])}{bare}{chance} (mean ± deviation of {one['seeds']} {plural}"
        f" of {training.rounds} rounds)"
    )


def _share(value: float, deviation: float | None) -> str:
    return f"{100 * value:.0f} %" + ("" if deviation is None else f" ± {100 * deviation:.0f}")


def _counted(claim: Claim, one: Counted) -> str:
    lost = "".join(f", {one[k]} {k}" for k in ("failed", "refused") if one[k])
    if one["value"] is None or one["interval"] is None:
        return f"nothing{lost}"
    low, high = one["interval"]
    span = f"{number(low, '')} to {number(high, claim.unit)}"
    plural = "picture" if one["pictures"] == 1 else "pictures"
    return f"{number(one['value'], claim.unit)} [{span}], {one['pictures']} {plural}{lost}"


def line(claim: Claim, found: Measured) -> str:
    """One line of a terminal."""
    beside = "; ".join(controls_text(claim, found))
    return (
        f"{found['verdict']:19} {claim.id}: published {published_text(claim)}; measured {measured_text(claim, found)}"
        + (f"; beside it {beside}" if beside else "")
    )
