"""Every figure: it shows the document's values, suits both grounds, is told apart without colour, and is never cut."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from plotly.graph_objects import Figure

from gi_core import figures
from gi_core.common.errors import SpecError
from gi_core.experiments.sweeps.answers import answer
from gi_core.figures import FIGURES, captions, drawing, lines, marks, themes
from gi_core.jobs.job import Point
from gi_core.settings import DEFENSES, build
from gi_core.settings.federation import Federation
from tests.figures import samples

DRAWINGS = samples.drawings()
NAMES = list(FIGURES)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_there_is_a_sample_of_every_figure_and_each_has_words():
    assert set(DRAWINGS) == set(FIGURES)
    for name, one in DRAWINGS.items():
        assert one.name == name and one.title and one.alt and one.traces, name
        assert FIGURES[name].title


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("theme", themes.THEMES)
def test_plotly_takes_every_property(name, theme):
    figure = DRAWINGS[name].under("seed 0").figure(theme)
    assert isinstance(figure, Figure) and figure.layout.meta["caption"] == "seed 0"
    assert figure.layout.title.subtitle.text == "seed 0" and DRAWINGS[name].title.split()[0] in figure.layout.title.text
    json.loads(figure.to_json())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_or_paged(name):
    layout = DRAWINGS[name].document(titled=False)["layout"]
    for key, axis in layout.items():
        if key.startswith(("xaxis", "yaxis")):
            assert axis["automargin"] is True, key
            if axis.get("tickmode") == "array":
                assert len(axis.get("ticktext", axis["tickvals"])) == len(axis["tickvals"])
                assert all(len(t) <= 40 for t in axis.get("ticktext", ()))
    assert layout["legend"]["maxheight"] > 1000, "a legend of limited height scrolls"


@pytest.mark.parametrize("name", NAMES)
def test_traces_differ_by_more_than_colour(name):
    """Two of one figure that stand in its legend never have the same dash, sign and pattern."""
    seen = []
    for trace in DRAWINGS[name].traces:
        if trace.get("showlegend", True) and "band" not in trace["name"]:
            marker = trace.get("marker", {})
            look = (
                trace.get("mode"),
                trace.get("line", {}).get("dash"),
                str(marker.get("symbol")),
                str(marker.get("pattern", {}).get("shape")),
            )
            seen.append((look, marker.get("color")))
    if name != "frontier" and name != "classes":  # on it colour and sign are the defense's; of classes the place tells
        assert len({look for look, _ in seen}) == len(seen)


@pytest.mark.parametrize("name", NAMES)
def test_every_colour_has_its_own_on_the_dark_ground(name):
    light, dark = (json.dumps(DRAWINGS[name].document(theme)["layout"]) for theme in themes.THEMES)
    assert themes.PAPER in light and themes.PAPER not in dark and themes.SWAP[themes.PAPER] in dark


def test_colours_stand_out_on_both_grounds():
    dark = themes.SWAP[themes.PAPER]
    for colour in (*themes.COLOURS, themes.GREY):
        assert contrast(colour, themes.PAPER) >= 3, colour
        assert contrast(themes.SWAP[colour], dark) >= 3, colour
    for words in (themes.INK, themes.QUIET):
        assert contrast(words, themes.PAPER) >= 4.5 and contrast(themes.SWAP[words], dark) >= 4.5
    for kind in DEFENSES:
        assert contrast(marks.colour(kind), themes.PAPER) >= 3 and contrast(marks.colour(kind), dark) >= 3, kind


def test_losses_are_those_of_the_points():
    points = [Point(k, 0.1 * k, 1e-3, {"total": 10.0**-k, "gradient": 5.0 * 10.0**-k}, [], 0) for k in range(1, 6)]
    one = drawing("losses", {"run": points})
    total, gradient = one.traces
    assert total["x"] == [1, 2, 3, 4, 5] and total["y"] == [10.0**-k for k in range(1, 6)]
    assert gradient["name"] == "gradient" and one.layout["yaxis"]["type"] == "log"
    plain = drawing("losses", {"run": points}, log=False)
    assert plain.layout["yaxis"].get("type") != "log" and plain.traces[0]["y"] == total["y"]
    assert plain.layout["yaxis"]["uirevision"] != one.layout["yaxis"]["uirevision"], "a zoom is of one kind of axis"
    assert [t["uid"] for t in plain.traces] == [t["uid"] for t in one.traces], "and a hidden line stays hidden"


def test_a_loss_of_zero_is_no_point_of_a_logarithmic_axis():
    points = [Point(1, 0.1, 1.0, {"total": 1.0}, [], 0), Point(2, 0.2, 1.0, {"total": 0.0}, [], 0)]
    assert drawing("losses", {"run": points}).traces[0]["x"] == [1]
    assert drawing("losses", {"run": points}, log=False).traces[0]["x"] == [1, 2]


def test_two_runs_show_what_both_go_by_under_their_names():
    points = [Point(1, 0.1, 1.0, {"total": 1.0, "gradient": 0.5, "total_variation": 0.5}, [], 0)]
    names = [t["name"] for t in drawing("losses", {"A": points, "B": points}).traces]
    assert names == ["total · A", "gradient · A", "total · B (on total · A)", "gradient · B (on gradient · A)"]


def test_lines_that_lie_on_each_other_say_so():
    x = np.arange(5)
    one, same, other = lines.line(x, x, "a", 0), lines.line(x, x * 1.0001, "b", 1), lines.line(x, x + 1, "c", 2)
    assert [t["name"] for t in lines.told_apart([one, same, other])] == ["a", "b (on a)", "c"]
    assert one["line"]["width"] > same["line"]["width"] and one["line"]["dash"] != same["line"]["dash"]


def test_long_curves_are_thinned_with_both_ends():
    x = np.arange(1, 50_001)
    trace = lines.line(x, x, "a", 0)
    assert len(trace["x"]) <= lines.MOST and trace["x"][0] == 1 and trace["x"][-1] == 50_000
    gaps = np.where(x % 7 == 0, np.nan, x.astype(float))
    a, b = lines.thin(x, gaps)
    assert a[0] == 1 and a[-1] == 50_000 and np.isfinite(b).all()


def test_likeness_has_an_axis_each():
    psnr, ssim = DRAWINGS["likeness"].traces
    assert psnr["y"] == [p.psnr for p in samples.POINTS if p.psnr is not None] and "yaxis" not in psnr
    assert ssim["y"] == [p.ssim for p in samples.POINTS if p.ssim is not None] and ssim["yaxis"] == "y2"


def test_residuals_are_the_results():
    known = samples.RESULT["attacker"]["residuals"]
    (bars,) = DRAWINGS["residuals"].traces
    assert bars["customdata"] == list(known) and bars["y"] == [v or None for v in known.values()]
    empty = drawing("residuals", {"a": None, "b": 0.0})
    assert empty.traces[0]["y"] == [None, None] and all(map(math.isfinite, empty.layout["yaxis"]["range"]))


def test_rank_parts_add_up_to_the_unknowns():
    report = samples.report("convnet", width=8, depth=3).to_json()
    one = drawing("rank", report)
    for k, layer in enumerate(report["layers"]):
        assert sum(t["customdata"][k][1] for t in one.traces) == layer["unknowns"]
        assert sum(t["y"][k] for t in one.traces) == pytest.approx(1)
    short = [a["text"] for a in one.layout["annotations"]]
    stops = [layer for layer in report["layers"] if layer["route"] in ("under-determined", "unsupported")]
    assert short == [f"{s['deficiency']} short" if s["route"] != "unsupported" else "stops" for s in stops] and short


def test_the_spectrum_is_the_documents_strongest_first():
    found = samples.analysed()
    (trace,) = drawing("spectrum", found).traces
    assert trace["y"] == sorted(found["spectrum"]["values"], reverse=True) and trace["x"][0] == 1
    (roots,) = drawing("singular_values", found).traces
    assert np.allclose(np.square(roots["y"]), trace["y"])
    estimated = drawing("spectrum", samples.analysed(exact=False))
    assert estimated.traces[0]["mode"] == "markers" and "estimated" in estimated.title


def test_the_curve_is_the_documents_where_it_is_drawn():
    found = samples.analysed()
    without, with_prior, now = drawing("curve", found, 1e-3, 0.05).traces
    at = dict(zip(found["curve"]["noise_std"], found["curve"]["rmse"], strict=True))
    assert without["x"] and all(at[x] == y for x, y in zip(without["x"], without["y"], strict=True))
    assert (now["x"], now["y"]) == ([1e-3], [0.05]) and max(with_prior["y"]) < 0.31
    assert drawing("curve", found, 1e-3, 99.0).traces[2]["x"] == [], "an error that is off the chart is no point in it"


def test_leakage_has_a_line_for_each_client_and_a_band_where_there_are_several_pictures():
    band, guess, four, five = DRAWINGS["leakage"].traces
    assert guess["y"] == [0, 0] and guess["name"] == "as good as a guess"
    assert four["name"] == "client 4" and five["name"] == "client 5" and band["fill"] == "toself"
    assert five["y"] == pytest.approx([2.5 - 0.2 * k for k in range(1, 6)])
    accuracy, loss = DRAWINGS["accuracy"].traces
    assert accuracy["x"] == [0, 1, 2, 3, 4, 5] and loss["yaxis"] == "y2"


def test_the_sweep_shows_every_run_and_the_medians():
    one, rows = DRAWINGS["sweep"], samples.training()
    medians = {t["customdata"][0][0]: t for t in one.traces if "median" in t.get("hovertemplate", "")}
    for name, trend in answer(rows, samples.CHOICE).trends.items():
        assert medians[name]["y"] == [g.median for g in trend.groups]
    runs = sorted(c[2] for t in one.traces if "run %" in t.get("hovertemplate", "") for c in t["customdata"])
    assert runs == [row["position"] for row in rows]


def test_the_frontier_names_every_setting_and_rings_those_that_none_beats():
    from gi_core.analysis import frontier

    found = [p for p in frontier.points(samples.rows("frontier"), "psnr") if p.complete]
    one = DRAWINGS["frontier"]
    shown = [c[0] for t in one.traces if "customdata" in t for c in t["customdata"]]
    assert sorted(shown) == sorted(p.name for p in found)
    (ring,) = [t for t in one.traces if t["name"].startswith("ringed")]
    letters = [note["text"] for note in one.layout["annotations"] if note.get("showarrow")]
    assert len(letters) == len(set(letters)) == len(ring["x"]) == len(frontier.pareto(frontier.strongest(found)))
    solid, hollow = (
        {t["marker"]["symbol"].endswith("-open") for t in one.traces if "customdata" in t and _naive(t) is naive}
        for naive in (False, True)
    )
    assert solid == {False} and hollow == {True}


def _naive(trace: dict) -> bool:
    return "does not know" in trace["customdata"][0][2]


def test_the_wall_says_score_and_word_of_every_experiment():
    rows = samples.rows("wall")
    one = drawing("wall", rows)
    words = " ".join(a["text"] for a in one.layout["annotations"])
    assert (
        len(one.traces[0]["x"]) == len({(r["attack_settings"], r["defenses"], r["control"]) for r in rows}) == len(rows)
    )
    assert "126.3 dB" in words and "● seen" in words and "○ not" in words


def test_updates_join_weight_and_bias():
    (bars,) = DRAWINGS["norms"].traces
    assert bars["customdata"][0] == ["features.conv0 (4.2 %)", pytest.approx(math.hypot(0.5, 0.5))]
    assert drawing("norms", []) is None


def test_words_of_a_person_are_no_html():
    (dots,) = [t for t in DRAWINGS["classes"].traces if t["type"] == "scatter"]
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; co" in dots["customdata"]
    hostile = '<a href="https://example.org">x</a>'
    rows = [row | {"defense": hostile, "defenses": hostile} for row in samples.rows("frontier")[:2]]
    for name in ("frontier", "wall"):
        (made,) = getattr(figures, f"of_{name}")(rows).values()
        shown = [t.name for t in made.data] + [a.text for a in made.layout.annotations]
        shown += list(made.layout.yaxis.ticktext or ())
        assert not any("<a" in str(words) for words in shown), name


def test_the_names_of_a_run_an_analysis_and_a_federation():
    assert list(figures.of_run(samples.RESULT, samples.POINTS, samples.ASKED)) == ["losses", "likeness", "residuals"]
    assert list(figures.of_run({"attacker": {"residuals": {}}})) == []
    assert list(figures.of_influence(samples.INFLUENCE, 0, 1e-3)) == ["curve", "spectrum", "singular_values"]
    assert list(figures.of_federation(samples.federation())) == ["accuracy", "leakage", "exposure"]
    assert list(figures.of_rank(samples.report())) == ["rank"]
    assert list(figures.of_update({"layers": samples.layers()})) == ["norms"]
    assert list(figures.of_sweep(samples.training(), samples.CHOICE)) == ["sweep"]
    with pytest.raises(SpecError, match="too large"):
        figures.of_influence(samples.INFLUENCE, 1)
    with pytest.raises(SpecError, match="ask for one from 0 to 1"):
        figures.of_influence(samples.INFLUENCE, 7)
    with pytest.raises(SpecError, match="light or dark"):
        figures.of_rank(samples.report(), theme="blue")


def test_captions_repeat_the_settings():
    said = captions.of_run(samples.ASKED, samples.RESULT)
    e = build(samples.ASKED)
    assert all(word in said for word in (e.samples[0], e.model.name, e.attack.name, f"seed {e.seed}", "iterations"))
    assert captions.of_run(None, samples.RESULT).startswith("Network ")
    assert "dlg" not in captions.of_run({"attack": {"kind": "no such"}}, {})
    assert "5 clients with 40 pictures each, iid" in captions.of_federation(Federation())
    assert "input 3 × 32 × 32" in captions.of_rank(samples.report().to_json())
    made = figures.of_run(samples.RESULT, samples.POINTS, samples.ASKED)["losses"]
    assert made.layout.meta["caption"] == said


def test_neither_plotly_nor_torch_is_loaded_before_a_figure_is_asked_for():
    code = (
        "import sys, gi_core.figures as f\n[e.draw for e in f.FIGURES.values()]\n"
        "print([m for m in ('torch', 'plotly', 'streamlit', 'kaleido') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=samples.ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
