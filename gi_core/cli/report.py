"""A result in words for a terminal."""

from __future__ import annotations

from typing import Any

from gi_core.metrics.claims import told, words_of
from gi_core.metrics.registry import METRICS, drawn, shown
from gi_core.metrics.verdicts import current_verdict
from gi_core.reports import attempts
from gi_core.types.attacker_parts import Attacker, Started
from gi_core.types.result import Result
from gi_core.types.result_parts import Bracket, Effect, Labels, Measures, UpdateFacts


def text(document: Result) -> str:
    """What a person wants to know of a run: the sentence, the numbers, the labels, the files."""
    each = document["seconds_per_iteration"]
    pace = f" ({each:.3g} s each)" if each else ""
    lines = [
        f"run {document['run_id']}  {document['status']}: {document['iterations']} iterations in "
        f"{document['seconds']:.1f} s{pace}" + (f", {document['note']}" if document["note"] else ""),
        current_verdict(document),
        "",
        *_words(document),
        *_numbers(document["metrics"]),
        *_pictures(document["per_image"]),
        *_labels(document["labels"]),
        *_defenses(document["defenses"]),
        *_bracket(document.get("bracket")),
        *_trials(document),
        *_tried(document["attacker"]),
        *(_names(document["update"]) if "update" in document else []),
        f"{'files':18}{document['out']}",
    ]
    return "\n".join(lines)


def _words(document: Result) -> list[str]:
    """Matched, unique and right, as far as each is known."""
    found = told(words_of(document), bool(document["per_image"]))
    return [f"{'known of it':18}{found}"] if found else []


def _numbers(metrics: Measures) -> list[str]:
    lines: list[str] = []
    for name, metric in METRICS.items() if metrics else ():
        value, note = metrics.get(name), metrics.get(f"{name}_note")
        if value is None and (note is None or not metric.note_missing):
            continue
        spread = metrics.get(f"{name}_sd")
        words = metric.shown(value) + (f" ± {spread:.2g}" if spread is not None else "")
        if metric.out_of:
            words += f" of {metrics.get(metric.out_of)}"
        lines.append(f"{metric.title:18}{words:22}{note or metric.sentence}")
    if metrics.get("note"):
        lines.append(f"{'note':18}{metrics['note']}")
    return lines


def _pictures(images: list[Measures]) -> list[str]:
    if len(images) < 2:
        return []
    names = [name for name in METRICS if name in drawn("pictures")]
    head = f"{'picture':18}" + "".join(f"{METRICS[name].heading:>10}" for name in names)
    rows = [f"{entry['index']:<18}" + "".join(f"{_cell(entry.get(name)):>10}" for name in names) for entry in images]
    return [head, *rows]


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3g}"


def _labels(labels: Labels) -> list[str]:
    if not labels["recovered"]:
        return []
    recovered = " ".join(str(k) for k in labels["recovered"])
    true = " ".join(str(k) for k in labels["true"]) if labels["true"] else "unknown"
    return [f"{'labels':18}true {true}, recovered {recovered}"]


def _defenses(effects: list[Effect]) -> list[str]:
    return [
        f"{'defense':18}{e['kind']}: norm {e['norm_before']:.3g} to {e['norm_after']:.3g}, changed by "
        f"{_cell(e['relative_change'])} of it, cosine {_cell(e['cosine'])}, {100 * e['zeros']:.0f} % zeros"
        + (f"\n{'':18}{e['promise']}" if "promise" in e else "")
        for e in effects
    ]


def _bracket(found: Bracket | None) -> list[str]:
    """What any attacker gets at most of a clipped and noised round, and what the best one of the game got."""
    if found is None:
        return []
    return [f"{'ceiling':18}{found['sentence']}", f"{'floor':18}{found['measured']}"]


def _tried(attacker: Attacker) -> list[str]:
    """What an ensemble tried, in its order; the one that was kept is marked."""
    found = attempts.rows(attacker.get("tried", []))
    return [
        f"{'tried' if i == 0 else '':18}{'* ' if row.best else '  '}{row.title:28}{row.left:16}"
        + (f"{row.seconds:6.1f} s  " if row.seconds else f"{'':10}")
        + row.why
        for i, row in enumerate(found)
    ]


def _trials(document: Result) -> list[str]:
    """What the attacker sees of its own success, and the spread of its trials by its own loss."""
    lines = []
    residual, summary = document["attacker"]["residual"], document["trials_summary"]
    if residual is not None:
        unexplained = f"{residual:.2e} of the update's norm is not explained"
        lines.append(f"{'residual':18}{unexplained} (the attacker's own measure)")
    if "certainty" in document["attacker"]:
        certainty = document["attacker"]["certainty"]
        lines.append(f"{'certainty':18}{certainty['sentence']}")
        if "twin" in certainty:
            twin = certainty["twin"]
            lines.append(f"{'twin':18}{twin['file']}: explains the update as well, {twin['apart']:.2g} per pixel away")
    if "start" in document:
        lines.append(f"{'start':18}{_started(document['start'])}")
    lines += _compared(document["attacker"])
    if len(document["trials"]) > 1 and summary:
        ends = {"best": summary["best"], "median": summary["median"], "worst": summary["worst"]}
        parts = [f"{name} {_cell(e['score'])} ({shown('psnr', e['psnr'])})" for name, e in ends.items()]
        lines.append(f"{'trials by loss':18}{', '.join(parts)}")
    return lines


def _started(start: Started) -> str:
    if not start["used"]:
        return f"as the settings name it, without residual recovery: {start['note']}"
    after = f", and {start['after']:.2g} after the matching" if "after" in start else ""
    return (
        f"residual recovery's picture, of misfit {start['misfit']:.2g} ({start['usual']:.2g} at the usual start{after}):"
        f" {start['note']}"
    )


def _compared(attacker: Attacker) -> list[str]:
    """How much of a recorded update the answer explains, beside what the update's own precision leaves open."""
    unexplained, scale = attacker.get("unexplained"), attacker.get("scale")
    if unexplained is None:
        return []
    words = "at its own precision" if attacker["at_floor"] else f"it is exact to {attacker['precision']:.1g}"
    lines = [f"{'explained':18}all but {unexplained:.2g} of the update, by the best factor ({words})"]
    if scale is not None and abs(scale - 1) > 1e-3:
        lines.append(f"{'scale':18}{scale:.4g} times what a client as described would send")
    return lines


def _names(update: UpdateFacts, most: int = 12) -> list[str]:
    """Which of the network's tensors is which of the file's, where more than a prefix differs."""
    pairs = update["table"]
    rows = [f"{'names' if k == 0 else '':18}{own} = {old}" for k, (own, old) in enumerate(pairs[:most])]
    more = f"{'':18}and {len(pairs) - most} more (all of them in result.json, update.table)"
    return rows + [more] * (len(pairs) > most)
