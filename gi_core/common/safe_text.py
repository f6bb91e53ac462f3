"""Tables as files that are safe to open: what a person named cannot become a formula or a script."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_SPLIT = re.compile(r"([;\t]\s*)(?=[=+\-@＝＋－＠])")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_BREAKS = re.compile(r"[\r\n\v\f\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #8886; text-align: left; white-space: nowrap; }}
td.n {{ text-align: right; }}
dt {{ font-weight: 600; }} dd {{ margin: 0 0 .5rem 1.5rem; max-width: 75ch; }}
</style></head><body>
<h1>{title}</h1>
<p>{lead}</p>
<div><table><thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table></div>
<h2>Columns</h2>
<dl>{legend}</dl>
</body></html>
"""


def cell(value: Any) -> str:
    """A value as a cell of a CSV file. Text that a spreadsheet would take for a formula gets an apostrophe before it.

    (OWASP, "CSV injection".) A number written as text stays one.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = _BREAKS.sub(" ", _CONTROL.sub("", str(value)))
    if _NUMBER.fullmatch(text):
        return text
    text = _SPLIT.sub(r"\1'", text)  # where a semicolon or a tab parts cells, what follows it begins one
    return "'" + text if text.startswith("\t") or text.lstrip().startswith(_FORMULA) else text


def csv_table(head: list[str], rows: list[list[Any]]) -> str:
    """RFC 4180, every cell on one line."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([cell(name) for name in head])
    table.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def html_page(title: str, lead: str, columns: dict[str, str], rows: list[list[Any]]) -> str:
    """One document without scripts; its own policy forbids any, and everything that is loaded from elsewhere.

    columns: name -> what it means. No text begins as a formula either: spreadsheets open such pages too.
    """
    return _PAGE.format(
        title=_text(title), lead=_text(lead),
        head="".join(f"<th>{_text(name)}</th>" for name in columns),
        body="\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows),
        legend="".join(f"<dt>{_text(name)}</dt><dd>{_text(meaning)}</dd>" for name, meaning in columns.items()),
    )  # fmt: skip


def _text(value: Any) -> str:
    return html.escape(cell(value))


def _cell(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'<td class="n">{value:.6g}</td>' if isinstance(value, float) else f'<td class="n">{value}</td>'
    return f"<td>{_text(value)}</td>"
