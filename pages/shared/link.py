"""An experiment as a short piece of a web address, and back."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import streamlit as st
from pydantic import BaseModel

from gi_core.settings import Experiment, SpecError, read_experiment

MOST = 60_000


def to_lab(label: str, icon: str = "open_in_new", **query: str) -> None:
    """Draw a link that opens the lab with this in its address."""
    st.page_link("pages/lab/page.py", label=label, icon=f":material/{icon}:", query_params=query)


def shorten(settings: BaseModel) -> dict[str, Any]:
    """Plain values that differ from the defaults; kinds stay where a choice was made."""
    fields, short = type(settings).model_fields, {}
    for name, field in fields.items():
        value = getattr(settings, name)
        if name == "kind":
            short[name] = value
        elif value != field.default and name != "schema_version":
            short[name] = _plain(value)
    return short


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return shorten(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def encode(experiment: Experiment) -> str:
    """base64url of what differs from the default experiment, deflated."""
    text = json.dumps(shorten(experiment), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")


def decode(text: str) -> Experiment:
    """Read an experiment from JSON, base64url of JSON, or `encode`'s form. Raises SpecError with one sentence."""
    if len(text) > MOST:
        raise SpecError("the experiment in this link is too long: share the run's own link instead")
    if text.lstrip().startswith("{"):
        return read_experiment(text)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return read_experiment((raw if raw.lstrip().startswith(b"{") else _inflate(raw)).decode())
    except SpecError:
        raise
    except (ValueError, zlib.error):
        raise SpecError("the experiment in this link cannot be read: copy the whole link again") from None


def _inflate(raw: bytes) -> bytes:
    """Inflate the text of a link; at most a MiB comes out, however small the link."""
    engine = zlib.decompressobj()
    content = engine.decompress(raw, 2**20)
    if not engine.eof:
        raise SpecError("the experiment in this link is damaged or too long: copy the whole link again")
    return content
