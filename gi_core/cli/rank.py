"""`rank`: whether a network's gradient has enough equations to give a picture away, layer by layer."""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import replace

from gi_core.analysis.rank import LayerRank, RankReport, counted
from gi_core.analysis.rank.adapters import of_graph
from gi_core.analysis.rank.frozen import with_frozen
from gi_core.analysis.rank.known_transformers import TRANSFORMERS
from gi_core.cli.question import network
from gi_core.reports import analyses, writing
from gi_core.settings import SpecError
from gi_core.settings.drawings import check_input, drawing
from gi_core.settings.graph import Shape
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import OwnNetwork

CLASSES = 10
INPUTS = {"fcn3": (1, 28, 28)}
_NUMBERS = (
    ("values", "unknowns"), ("weight eq", "weight_constraints"), ("gradient eq", "gradient_constraints"),
    ("rank", "rank"), ("missing", "deficiency"), ("virtual", "virtual"), ("index", "index"),
)  # fmt: skip


def rank(arguments: argparse.Namespace) -> int:
    """Print the verdict and a table; with --json one object. Raises SpecError."""
    place = writing.writable(arguments.report, writing.ENDINGS, "a report") if arguments.report else None
    if arguments.transformers:
        print(json.dumps([known.to_json() for known in TRANSFORMERS]) if arguments.json else transformers())
        return 0
    if not arguments.model:
        raise SpecError("say which network: --model NAME, or --transformers for a table of known ones")
    asked = None if arguments.input is None else parse_input(arguments.input)
    settings = network(arguments.model, input_shape=asked)
    shape = asked or usual(settings)
    classes = settings.classes or CLASSES
    if arguments.numeric:
        report = _measured(settings, shape, classes)
    else:
        report = _counted(settings, shape, classes)
    if arguments.adapter is not None:
        graph = drawing(settings, shape, classes)
        zero = arguments.adapter_start == "zero"
        report = replace(report, adapters=of_graph(graph, arguments.adapter, arguments.pictures, zero))
    if arguments.rounds is not None:
        report = _with_rounds(report, settings, shape, classes, arguments.rounds, arguments.rate)
    elif arguments.rate is not None:
        raise SpecError("--rate is the step between rounds: say how many with --rounds K")
    if place is not None:
        writing.write(analyses.rank(report.to_json()), place)
    print(json.dumps(report.to_json()) if arguments.json else text(report))
    return 0


def _counted(settings: Model, shape: Shape, classes: int) -> RankReport:
    """By formula; of a network of one's own it is looked up whether it is a vision transformer."""
    report = counted(settings, shape, classes, settings.name)
    if not isinstance(settings, OwnNetwork) or report.verdict != "unsupported":
        return with_frozen(report, settings)
    from gi_core import networks
    from gi_core.experiments.rank_analysis import of_module

    channels, height, width = shape
    return of_module(settings, networks.build(settings, (channels, height, width), classes), shape, classes, False)


def usual(settings: Model) -> Shape:
    """(C, H, W) of the pictures where nobody gave any."""
    if isinstance(settings, OwnNetwork):
        return settings.input or (settings.channels or 3, 32, 32)
    return INPUTS.get(settings.kind, (3, 32, 32))


def parse_input(text: str) -> Shape:
    """`CxHxW` as numbers. Raises SpecError."""
    if not re.fullmatch(r"\d{1,9}(x\d{1,9}){2}", text):
        raise SpecError(f"--input {text!r}: give channels x height x width, such as 3x32x32")
    return check_input([int(part) for part in text.split("x")])


def _measured(settings: Model, shape: Shape, classes: int) -> RankReport:
    _one_thread()
    from gi_core.experiments.rank_analysis import measured

    return measured(settings, shape, classes)


def _with_rounds(
    report: RankReport, settings: Model, shape: Shape, classes: int, rounds: int, rate: float | None
) -> RankReport:
    _one_thread()
    from gi_core.experiments.rank_analysis import RATE, with_rounds

    return with_rounds(report, settings, shape, classes, rounds, RATE if rate is None else rate)


def _one_thread() -> None:
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def transformers() -> str:
    """Known vision transformers, one line each."""
    rows = [("network", "pixels", "patches", "coset up to", "exact up to", "one picture")]
    for row in (known.to_json() for known in TRANSFORMERS):
        most = (str(row["coset_most"] or "-"), str(row["exact_most"] or "-"))
        rows.append((row["title"], str(row["side"]), str(row["patches"]), *most, row["words"]))
    return "\n".join(_aligned([list(row) for row in rows], range(1, 5)))


def text(report: RankReport) -> str:
    """The verdict first, then a row for each layer, image first."""
    how = "counted" if report.mode == "count" else "measured"
    lines = [
        f"{report.model}, {'x'.join(map(str, report.input))}: {report.verdict}",
        report.sentence,
        "",
        *_table(report),
        "",
        *_batches(report),
        *_rounds(report),
        *_adapters(report),
        f"{how}; security index {report.security_index}"
        + (f", worst condition {report.condition:.3g}" if report.condition else ""),
        *(f"note: {notice}" for notice in report.notices),
    ]
    return "\n".join(lines)


def _batches(report: RankReport) -> list[str]:
    """What a transformer's batches leave open, a line for each number of pictures."""
    if report.attention is None:
        return []
    head = ["pictures", "values", "open in the coset", "not told apart", "not placed"]
    rows = [
        [
            str(b.pictures),
            str(b.unknowns),
            "-" if b.coset_open is None else str(b.coset_open),
            str(b.inseparable),
            str(b.misplaced),
        ]
        for b in report.attention.batches
    ]
    return [*_aligned([head, *rows], range(5)), ""]


def _rounds(report: RankReport) -> list[str]:
    """What several updates show together, a line for each number of them."""
    if report.rounds is None:
        return []
    rows = [
        [
            str(r["rounds"]),
            f"{r['rank']} of {report.rounds['directions']}",
            f"{r['expected_error']:.1e}",
            _exact(r["exact"]),
        ]
        for r in report.rounds["rounds"]
    ]
    head = ["rounds", "directions shown", "expected error", ""]
    return [report.rounds["sentence"], "", *_aligned([head, *rows], range(3)), ""]


def _adapters(report: RankReport) -> list[str]:
    """What adapters alone show, a line for each dense layer."""
    if report.adapters is None:
        return []
    rows = [
        [a.name, str(a.inputs), str(a.rank), str(a.span), f"{a.shown} of {a.unknowns}", _exact(a.exact)]
        for a in report.adapters
    ]
    head = ["adapter of", "values", "rank", "inputs spanned", "shown", ""]
    return [*_aligned([head, *rows], range(1, 5)), "", *(a.sentence() for a in report.adapters), ""]


def _exact(yes: bool) -> str:
    return "exact" if yes else ""


def _table(report: RankReport) -> list[str]:
    head = ["layer", "what", *(title for title, _ in _NUMBERS), "condition", "solved by"]
    body = [
        [
            layer.name,
            layer.description,
            *(str(getattr(layer, key)) for _, key in _NUMBERS),
            _condition(layer),
            _route(layer),
        ]
        for layer in report.layers
    ]
    if report.mode == "count":  # nothing was measured
        head, body = [_without(row, -2) for row in (head, *body)][0], [_without(row, -2) for row in body]
    return _aligned([head, *body], range(2, len(head) - 1))


def _aligned(rows: list[list[str]], numbers: range) -> list[str]:
    """Columns of one width, those of numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _without(row: list[str], place: int) -> list[str]:
    return row[:place] + row[place + 1 :]


def _condition(layer: LayerRank) -> str:
    return "-" if layer.condition is None else f"{layer.condition:.3g}"


def _route(layer: LayerRank) -> str:
    return f"{layer.route}: {layer.reason}" if layer.reason else layer.route
