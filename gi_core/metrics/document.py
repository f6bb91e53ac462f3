"""The registry as tables of documents: `python -m gi_core.metrics.document [FILE ...]` prints the first, or writes into files.

In a file each of `TABLES` stands between two lines, `MARKS`; what was there is replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from gi_core.metrics.meanings import Metric
from gi_core.metrics.registry import METRICS, drawn

_PLACES = {
    "lab": "lab", "pictures": "each picture of a batch", "table": "sweep's table", "chart": "sweep's chart and answer",
    "frontier": "frontier", "wall": "wall",
}  # fmt: skip
_HEAD = ("metric", "in results", "unit", "more leaks where it is", "meaning", "beside the report, in")


def table() -> str:
    """Markdown, a row for each metric in the registry's order."""
    return _markdown(_HEAD, map(_cells, METRICS.values()))


def columns() -> str:
    """The same for those that are columns of a sweep's table."""
    return _markdown(("column", "meaning"), ((f"`{name}`", METRICS[name].column) for name in drawn("table")))


TABLES = {"metrics": table, "columns": columns}
MARKS = ("<!-- {}: written by python -m gi_core.metrics.document -->", "<!-- /{} -->")
"""Lines before and behind a table, by its name."""


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *rows))


def _cells(metric: Metric) -> tuple[str, ...]:
    places = [title for place, title in _PLACES.items() if place in metric.drawn]
    everywhere = "all" if len(places) == len(_PLACES) else ", ".join(places) or "none"
    return metric.title, f"`{metric.name}`", metric.unit or "–", metric.better, metric.sentence, everywhere


def written(text: str) -> str:
    """The document with the tables of today. Raises ValueError where it has no place for any."""
    found = 0
    for name, made in TABLES.items():
        begin, end = MARKS[0].format(name), MARKS[1].format(name)
        head, here, rest = text.partition(begin)
        _, there, tail = rest.partition(end)
        if here and there:
            text, found = f"{head}{begin}\n{made()}{end}{tail}", found + 1
    if not found:
        raise ValueError(
            f"no table has a place: put {' and '.join(MARKS).format('metrics', 'metrics')} where one shall stand"
        )
    return text


def main(names: list[str]) -> int:
    """Print the table of all metrics, or write into each of these files what it has a place for."""
    if not names:
        print(table(), end="")
    for name in names:
        path = Path(name)
        try:
            path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
        except (OSError, ValueError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
