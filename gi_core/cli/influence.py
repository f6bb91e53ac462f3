"""`influence`: how precisely an update shows each picture, without attacking."""

from __future__ import annotations

import argparse
import json
import os

from gi_core.cli import question
from gi_core.cli.progress import Bar
from gi_core.reports import analyses, writing
from gi_core.settings import Experiment, SpecError
from gi_core.types.influence import Influence


def influence(arguments: argparse.Namespace) -> int:
    """Print one line for each picture; with --json one object. Raises SpecError."""
    place = writing.writable(arguments.report, writing.ENDINGS, "a report") if arguments.report else None
    asked = question.experiment(arguments, Experiment())
    bar = Bar()
    bar.show(0.0, "starting", now=True)

    from gi_core.common.threads import one_thread
    from gi_core.experiments import influence_analysis

    if "OMP_NUM_THREADS" not in os.environ:
        one_thread()
    try:
        found = influence_analysis.answer(
            asked, arguments.noise_std, arguments.damping, arguments.seconds, progress=lambda f, text: bar.show(f, text)
        )
    except MemoryError:
        raise SpecError("the memory is full: choose smaller pictures or a smaller network") from None
    finally:
        bar.close()
    if place is not None:
        given = {"noise_std": arguments.noise_std, "damping": arguments.damping, "seconds": arguments.seconds}
        writing.write(analyses.influence({"experiment": asked.model_dump(mode="json"), **given}, found), place)
    print(json.dumps(found) if arguments.json else text(found))
    return 0


def text(found: Influence) -> str:
    """A line for each picture, most exposed first."""
    rows = sorted(found["samples"], key=lambda s: ("error" not in s and s["predicted_rmse"]) or float("inf"))
    lines = [
        f"{found['model']}: predicted error per pixel of an attacker without a picture prior (no safety floor)",
        "",
    ]
    for row in rows:
        if "error" in row:
            lines.append(f"{row['sample']}: {row['error']}")
            continue
        error = "" if row["exact"] else f" (estimated, {100 * row['relative_error']:.0f} %)"
        lines += [
            f"{row['sample']} ({row['class_name']}): {row['words']}",
            f"  largest eigenvalue {row['eigenvalue_max']:.4g}, smallest {row['eigenvalue_min']:.3g}{error}; gradient norm {row['gradient_norm']:.3g}",
            f"  {row['perturbation']}: |J delta| {row['jacobian_delta_norm']:.4g}, influence {_number(row['influence'])},"
            f" lower bound {_number(row['lower_bound'])}; RMSE {_number(row['predicted_rmse'])} in [0, 1]"
            f" ({_number(row['predicted_rmse_normalised'])} normalised),"
            f" with a pixel prior {_number(row['predicted_rmse_with_prior'])}",
        ]
    return "\n".join([*lines, *(f"note: {notice}" for notice in found["notices"])])


def _number(value: float | None) -> str:
    """The number as text; `none` without a finite value (nothing moves the gradient)."""
    return "none" if value is None else f"{value:.4g}"
