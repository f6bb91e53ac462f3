"""A report as one HTML file that needs nothing else: no request leaves it, and its own policy forbids any.

Text is escaped here and nowhere else. Scripts are plotly's own and `report.js`, both inside the file and known to the policy by
their hash; figures are JSON beside them, which runs nothing. Without scripts everything but the figures is there.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from gi_core.figures import saving
from gi_core.jobs.rows import finite
from gi_core.reports import pictures
from gi_core.reports.parts import (
    SIGNS,
    Chart,
    Code,
    Facts,
    Heading,
    Paragraph,
    Part,
    Pictures,
    Report,
    Sentences,
    Table,
    Verdict,
)

_HERE = Path(__file__).parent
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style></head><body{more}><main>
"""
"""How every file that is taken away begins: it may ask for nothing."""
_PAGE = (
    HEAD
    + """<p class="kind">{kind}</p>
<h1>{title}</h1>
<p>{lead}</p>
{body}
<footer>{footer}</footer>
</main>{scripts}</body></html>
"""
)
FOOTER = "Written by Gradient Inversion Studio. This file needs no network and sends nothing."


def html_page(report: Report) -> str:
    """The whole document."""
    charts = any(isinstance(part, Chart) for part in report.parts)
    scripts = (plotly(), style("report.js")) if charts else ()
    return _PAGE.format(
        policy=policy(scripts), title=text(report.title), style=style("report.css"), more=' class="dense"' if report.dense else "", kind=text(report.kind), lead=text(report.lead),
        body="\n".join(map(part, report.parts)), footer=text(FOOTER),
        scripts="".join(f"<script>{script}</script>" for script in scripts),
    )  # fmt: skip


def policy(scripts: tuple[str, ...]) -> str:
    """A Content-Security-Policy that allows pictures and styles inside the file, these scripts, and nothing else."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    return f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'; form-action 'none'"


@lru_cache(maxsize=1)
def plotly() -> str:
    """Plotly's own script, out of its package. Whatever in it would end a script element is written so that it does not."""
    return saving.script().read_text("utf-8").replace("</script", "<\\/script")


@lru_cache(maxsize=8)
def style(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


def text(value: Any) -> str:
    """Any value as text of an HTML document or attribute; what is no sign is left out."""
    shown = "".join(c for c in str(value) if c in "\n\t" or c.isprintable())
    return html.escape(shown, quote=True)


def part(one: Part) -> str:
    """One part as HTML."""
    return _WRITERS[type(one)](one)


def _heading(one: Heading) -> str:
    about = f" <small>{text(one.about)}</small>" if one.about else ""
    return f"<h2>{text(one.title)}{about}</h2>"


def _verdict(one: Verdict) -> str:
    said = f"<p>{text(one.text)}</p>" if one.text else ""
    return f'<div class="verdict {one.level}"><b><i aria-hidden="true">{SIGNS[one.level]}</i>{text(one.head)}</b>{said}</div>'


def _sentences(one: Sentences) -> str:
    return f"<ul>{''.join(f'<li>{text(item)}</li>' for item in one.items)}</ul>"


def _pictures(one: Pictures) -> str:
    shown = "".join(
        f'<figure><img src="{pictures.uri(p.pixels)}" width="{p.pixels.shape[1]}" height="{p.pixels.shape[0]}" alt="{text(p.title)}">'
        f"<figcaption>{text(p.title)}{f'<small>{text(p.note)}</small>' if p.note else ''}</figcaption></figure>"
        for p in one.items
    )
    return f'<div class="pictures" style="--columns:{max(1, one.columns)}">{shown}</div>'


def _table(one: Table) -> str:
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in one.head)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in one.rows)
    caption = f"<caption>{text(one.caption)}</caption>" if one.caption else ""
    return f'<div class="wide" tabindex="0"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(value: Any) -> str:
    if value is None:
        return "<td>–</td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, (int, float)):
        return f'<td class="n">{value:.6g}</td>' if isinstance(value, float) else f'<td class="n">{value}</td>'
    return f"<td>{text(value)}</td>"


def _facts(one: Facts) -> str:
    return f"<dl>{''.join(f'<dt>{text(name)}</dt><dd>{text(value)}</dd>' for name, value in one.pairs)}</dl>"


def _chart(one: Chart) -> str:
    shown = "".join(
        f'<script type="application/json" class="{scheme}">{_json(figure)}</script>'
        for scheme, figure in (("light", one.light), ("dark", one.dark))
    )
    about = f"<small>{text(one.caption)}</small>" if one.caption else ""
    height = int(one.light["layout"].get("height") or 300)
    # plotly's buttons are inside, so the figure is named and no picture
    return (
        f'<figure aria-label="{text(one.alt)}"><figcaption><b>{text(one.title)}</b>{about}</figcaption>'
        f'<div class="chart" style="min-height:{height}px">{shown}<p>{text(one.alt)} This figure needs scripts.</p></div></figure>'
    )


def _code(one: Code) -> str:
    shown = f'<pre tabindex="0"><code class="{one.language}">{text(one.text.rstrip())}</code></pre>'
    return f"<details><summary>{text(one.folded)}</summary>{shown}</details>" if one.folded else shown


def _json(figure: Any) -> str:
    """The figure as JSON that ends no element."""
    return (
        json.dumps(finite(figure), separators=(",", ":"))
        .replace("<", "\\u003c")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


_WRITERS: dict[type, Callable[[Any], str]] = {
    Heading: _heading,
    Paragraph: lambda one: f"<p>{text(one.text)}</p>",
    Sentences: _sentences,
    Verdict: _verdict,
    Pictures: _pictures,
    Table: _table,
    Facts: _facts,
    Chart: _chart,
    Code: _code,
}
