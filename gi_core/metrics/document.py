"""The registry as a table of a document: `python -m gi_core.metrics.document [FILE]` prints it, or writes it into FILE.

In a file it stands between the lines `BEGIN` and `END`; what was there is replaced.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gi_core.metrics.meanings import Metric
from gi_core.metrics.registry import METRICS

BEGIN = "<!-- metrics: written by python -m gi_core.metrics.document -->"
END = "<!-- /metrics -->"
_PLACES = {
    "lab": "lab", "pictures": "each picture of a batch", "table": "sweep's table", "chart": "sweep's chart and answer",
    "frontier": "frontier", "wall": "wall",
}  # fmt: skip
_HEAD = ("metric", "in results", "unit", "more leaks where it is", "meaning", "beside the report, in")


def table() -> str:
    """Markdown, a row for each metric in the registry's order."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_cells, METRICS.values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(metric: Metric) -> tuple[str, ...]:
    places = [title for place, title in _PLACES.items() if place in metric.drawn]
    everywhere = "all" if len(places) == len(_PLACES) else ", ".join(places) or "none"
    return metric.title, f"`{metric.name}`", metric.unit or "–", metric.better, metric.sentence, everywhere


def written(text: str) -> str:
    """The document with the table of today. Raises ValueError where it has no place for it."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the table has no place: put the lines {BEGIN} and {END} where it shall stand")
    return f"{head}{begin}\n{table()}{end}{tail}"


def main(names: list[str]) -> int:
    """Print the table, or write it into each of these files."""
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
