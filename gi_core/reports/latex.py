"""A table of metrics for a paper: LaTeX with booktabs, runs or the experiments of a sweep as rows. No person's text is a command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gi_core.metrics.registry import METRICS, drawn
from gi_core.reports import asked
from gi_core.reports.taken import Run
from gi_core.settings import SpecError

_SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "±": r"$\pm$",
    "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$", "–": "--", "—": "---", "·": r"$\cdot$", "σ": r"$\sigma$", "ε": r"$\varepsilon$",
    "[": "{[}", "]": "{]}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
}  # fmt: skip


def escaped(text: Any) -> str:
    """The text as LaTeX sets it, letter for letter; what is no sign is left out."""
    return "".join(_SIGNS.get(c, c) for c in re.sub(r"\s+", " ", str(text)) if c.isprintable())


def of_runs(runs: Sequence[Run], caption: str = "") -> str:
    """A row for each run: what it asks, what its pictures scored. Raises SpecError where none was judged."""
    judged = [run for run in runs if run.result and run.result["metrics"]]
    if not judged:
        raise SpecError("a table needs a run that was judged against its original: none of these was")
    found = [r.result["metrics"] for r in judged if r.result]
    names = [n for n in drawn("lab") if any(metrics.get(n) is not None for metrics in found)]
    rows = []
    for run in judged:
        assert run.result is not None
        experiment = asked.experiment(run)
        defenses = " + ".join(d.title for d in experiment.defenses) if experiment else ""
        network = experiment.model.title if experiment else str((run.spec.get("model") or {}).get("kind"))
        scores = [_score(n, run.result["metrics"].get(n), run.result["metrics"].get(f"{n}_sd")) for n in names]
        rows.append(
            [
                escaped(asked.attack(run)),
                escaped(network),
                escaped(defenses or "none"),
                str(len(run.spec.get("samples") or ())),
                *scores,
            ]
        )
    head = ["Attack", "Network", "Defenses", "Pictures", *map(_heading, names)]
    return table(head, rows, caption or "Leakage by run.", left=3)


def of_sweep(rows: Sequence[dict[str, Any]], columns: Sequence[str], caption: str = "") -> str:
    """A row for each experiment that has ended. columns: of the sweep's table, as its report shows them. Raises SpecError."""
    done = [row for row in rows if row.get("state") == "done"]
    if not done:
        raise SpecError("no experiment of this sweep has ended yet: wait until one has")
    names = [n for n in columns if n not in ("state",)]
    left = sum(n not in METRICS and not isinstance(done[0].get(n), (int, float)) for n in names)
    texts = [n for n in names if n not in METRICS and not isinstance(done[0].get(n), (int, float))]
    order = [*texts, *(n for n in names if n not in texts)]
    head = [_heading(n) if n in METRICS else escaped(n.replace("_", " ").removesuffix(" (axis)")) for n in order]
    body = [[_score(n, row.get(n)) if n in METRICS else _plain(row.get(n)) for n in order] for row in done]
    return table(head, body, caption, left)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, left: int = 1) -> str:
    """A floating table. head, rows: LaTeX already; caption: text. left: columns of text, which come first."""
    kinds = "l" * left + "r" * (len(head) - left)
    lines = [" & ".join(row) + r" \\" for row in rows]
    return "\n".join([
        r"% needs \usepackage{booktabs} and \usepackage[T1]{fontenc}",
        r"\begin{table}[t]", r"  \centering", rf"  \caption{{{escaped(caption)}}}", rf"  \begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
        r"    \toprule", "    " + " & ".join(head) + r" \\", r"    \midrule", *("    " + line for line in lines), r"    \bottomrule",
        r"  \end{tabular}", r"\end{table}", "",
    ])  # fmt: skip


def _heading(name: str) -> str:
    """A metric's name with its unit, and an arrow to where more leaks."""
    metric = METRICS[name]
    return escaped(metric.axis) + (r" $\uparrow$" if metric.better == "higher" else r" $\downarrow$")


def _score(name: str, value: float | None, spread: float | None = None) -> str:
    if value is None:
        return "--"
    reads = METRICS[name].reads
    if reads == "share":
        return rf"{100 * value:.0f}\,\%"
    text = f"{value:.0f}" if reads == "count" else _number(value)
    return f"${text}" + (rf" \pm {_number(spread)}" if spread is not None else "") + "$"


def _number(value: float) -> str:
    """Three digits; a power of ten where it is small."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    digits, _, power = f"{value:.1e}".partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}"


def _plain(value: Any) -> str:
    if value is None:
        return "--"
    if isinstance(value, float):
        return f"${_number(value)}$"
    return escaped(value)
