"""Settings files, links and options that would cost a parser memory, time or a traceback: one sentence each, and cheap."""

from __future__ import annotations

import base64
import typing
import zlib

import annotated_types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

import gi_core.settings.sweep
import gi_core.settings.utility  # noqa: F401 - settings classes to be walked
from gi_core.cli import main
from gi_core.settings import Experiment, SpecError, parse_component, read_experiment, with_setting
from gi_core.settings.base import Settings
from gi_core.settings.documents import MOST_DEPTH, MOST_PARTS, read_json, read_toml, value_of
from gi_core.settings.federation import read_federation
from gi_core.settings.parse import read_network
from gi_core.settings.sweep import read_sweep
from pages.shared import link

MANY = 100_000
DOTTED = ".".join(["a"] * MANY)
TOML = {
    "one dotted key": (DOTTED + " = 1", "parts"),
    "a dotted table": (f"[{DOTTED}]", "parts"),
    "a dotted array of tables": (f"[[{DOTTED}]]", "parts"),
    "a dotted key in a table in a line": ("x = {" + DOTTED + " = 1}", "parts"),
    "a dotted key with spaces": (" . ".join(["a"] * 60_000) + " = 1", "parts"),
    "a dotted key of quoted names": (".".join(['"a b"'] * 40_000) + " = 1", "parts"),
    "a dotted key behind a text of many lines": ('t = """x""""\n' + DOTTED[:100] + " = 1", "parts"),
    "brackets": ("a = " + "[" * MANY, "nested"),
    "tables in a line": ("a = " + "{b = " * 40_000, "nested"),
    "digits": ("rounds = " + "9" * MANY, "number"),
    "hexadecimal digits": ("rounds = 0x" + "f" * MANY, "number"),
    "a long name": ("a" * MANY + " = 1", "name"),
    "a long quoted name": ('"' + "a" * MANY + '" = 1', "name"),
    "many tables": ("\n".join(f"[a{i}.b.c.d.e.f.g.h]" for i in range(9000)), "values"),
    "an unended text": ('a = """' + '\\"""' * 50_000, "TOML"),
    "a date": ("rounds = 1979-05-27", "date"),
    "beyond 64 bits": ("seed = 99999999999999999999", "20 digits"),
    "no finite number": ("alpha = nan", "finite"),
    "too many bytes": ("#" * 300_000, "too large"),
    "no text": (b"\xff\xfe", "text"),
}
JSON = {
    "brackets": ("[" * MANY, "nested"),
    "objects": ('{"a":' * 40_000, "nested"),
    "digits": ("1" * MANY, "number"),
    "values": ("[" + "1," * MANY + "1]", "values"),
    "a long name": ('{"' + "a" * MANY + '": 1}', "name"),
    "beyond 64 bits": ('{"seed": 99999999999999999999}', "20 digits"),
    "no finite number": ('{"seconds": 1e999}', "finite"),
    "an unended text": ('{"a', "JSON"),
}


def said(error: pytest.ExceptionInfo, word: str) -> None:
    """One short sentence that holds the word."""
    text = str(error.value)
    assert word in text and len(text) < 1300 and "\n" not in text, text[:300]


@pytest.mark.parametrize("reader", [lambda c: read_sweep(c, True), lambda c: read_federation(c, True), read_toml])
@pytest.mark.parametrize("kind", TOML)
def test_toml_is_bounded_before_it_is_parsed(monkeypatch, kind, reader):
    text, word = TOML[kind]
    if word not in ("TOML", "date", "20 digits", "finite", "name"):
        monkeypatch.setattr("tomllib.loads", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(SpecError) as error:
        reader(text if isinstance(text, bytes) else text.encode())
    said(error, word)


@pytest.mark.parametrize(
    "reader",
    [lambda c: read_sweep(c, False), lambda c: read_federation(c, False), read_network, read_experiment, read_json],
)
@pytest.mark.parametrize("kind", JSON)
def test_json_is_bounded_before_it_is_parsed(kind, reader):
    text, word = JSON[kind]
    with pytest.raises(SpecError) as error:
        reader(text.encode())
    if len(text) < 60_000:  # a network has bounds of its own on bytes
        said(error, word)


@pytest.mark.parametrize("kind", JSON)
def test_a_link_is_bounded_before_it_is_parsed(kind):
    text, word = JSON[kind]
    if not text.startswith("{"):
        text = '{"a":' + text
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    with pytest.raises(SpecError) as error:
        link.decode(packed)
    said(error, word)


def test_what_is_allowed_is_read_as_before():
    assert read_toml("a.b.c = [0.1, 0.2]\r\n[t.u]\nx = '''it's''''\ny = \"\"\"a\"\"\"\"\nz = \"a.b\" # c.d") == {
        "a": {"b": {"c": [0.1, 0.2]}}, "t": {"u": {"x": "it's'", "y": 'a"', "z": "a.b"}},
    }  # fmt: skip
    assert read_json('{"a": [1, -2.5e-3, null, true, "[[[[\\"{"]}') == {"a": [1, -2.5e-3, None, True, '[[[["{']}
    assert read_toml("a = [" + ", ".join(["0.25"] * 500) + "]") == {"a": [0.25] * 500}
    assert read_toml(".".join(["a"] * MOST_PARTS) + " = 1")
    assert read_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    long = "/" + "folder.with.points/" * 100 + "9" * 100
    assert value_of(long) == long and value_of("2024." + long) == "2024." + long
    assert value_of("[1") == "[1" and value_of("3") == 3 and value_of("true") is True


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(-1e9, 1e9) | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
                    max_leaves=20))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_every_document_comes_back_as_it_was(value):
    import json

    import tomli_w

    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value, ensure_ascii=False)) == value
    bare = _without_none({"v": value})
    assert read_toml(tomli_w.dumps(bare)) == bare
    assert read_toml(tomli_w.dumps(bare, multiline_strings=True)) == bare


def _without_none(value):
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value if v is not None] if isinstance(value, list) else value


@given(st.text("ab.=[]{}\"'\\#\n 019,_-", max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_of_signs_ends_in_a_traceback(text):
    for reader in (read_toml, read_json, value_of):
        try:
            reader(text)
        except SpecError:
            pass


OPTIONS = [
    ["--set", "attack.trials=" + "[" * MANY],
    ["--set", "attack.trials=" + '{"a":' * MANY],
    ["--set", "[" * MANY],
    ["--set", "[" * MANY + "=1"],
    ["--set", "samples." + "9" * 5000 + "=1"],
    ["--set", "samples.²=1"],
    ["--set", "seed=" + "9" * MANY],
    ["--set", "seed=99999999999999999999"],
    ["--set", "seconds=1e999"],
    ["--set", "seconds=NaN"],
    ["--set", "attack=" + "[" * MANY],
    ["--label", "99999999999999999999"],
    ["--label", "-99999999999999999999"],
    ["--label", "9" * 5000],
    ["--label", "9223372036854775808"],
    ["--label", "4294967296"],
    ["--seed", "99999999999999999999"],
    ["--size", "99999999999999999999"],
    ["--size", "1e400"],
    ["--attack", "dlg:trials=99999999999999999999"],
    ["--attack", "dlg:trials=" + "9" * MANY],
    ["--attack", "[" * MANY],
    ["--model", "lenet:seed=99999999999999999999"],
    ["--model", "lenet:classes=" + "[" * MANY],
    ["--model", "x" * MANY],
    ["--sample", "mnist:99999999999999999999"],
    ["--sample", "bundled/faces:99999999999999999999"],
    ["--sample", "bundled/faces:" + "9" * 5000],
    ["--sample", "x" * 5000],
    ["--sample", "a\0b"],
    ["--weights", "a\0b"],
    ["--experiment", "a\0b"],
    ["--resume", "9" * MANY],
    ["--defense", "gaussian_noise:std=1e999"],
    ["--client", "fedavg:epochs=99999999999999999999"],
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(o)[:40])
def test_an_option_beyond_all_bounds_is_one_sentence(capsys, monkeypatch, tmp_path, options):
    monkeypatch.setenv("GI_HOME", str(tmp_path))
    assert main(["attack", *options]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and len(lines[0]) < 1300


def test_every_number_of_every_setting_has_bounds():
    def classes(cls):
        for one in cls.__subclasses__():
            yield one
            yield from classes(one)

    def integers(annotation, found):
        """Bounds of each int in the annotation: (low, high), None where there is none."""
        args = typing.get_args(annotation)
        if typing.get_origin(annotation) is typing.Annotated:
            more = [m for field in args[1:] for m in getattr(field, "metadata", [field])]
            yield from integers(args[0], [*found, *more])
        elif annotation is int:
            yield (
                any(isinstance(m, (annotated_types.Ge, annotated_types.Gt)) for m in found),
                any(isinstance(m, (annotated_types.Le, annotated_types.Lt)) for m in found),
            )
        elif typing.get_origin(annotation) is not typing.Literal:
            for one in args:
                yield from integers(one, found)

    loose = []
    for cls in set(classes(Settings)):
        for name, field in cls.model_fields.items():
            if cls is not Experiment or name != "labels":  # their lower bound is a sentence of its own
                for low, high in integers(field.annotation, field.metadata):
                    if not (low and high):
                        loose.append(f"{cls.__name__}.{name}")
    assert not loose


def test_numbers_beyond_64_bits_are_refused_in_python_too():
    for number in (2**63, 2**200, 10**5000, -(10**5000)):
        for values in ({"seed": number}, {"labels": [number]}, {"size": number}):
            with pytest.raises(SpecError) as error:
                gi_core.settings.build(values)
            said(error, next(iter(values)))
    assert TypeAdapter(Experiment).validate_python({"labels": [3]}).labels == (3,)


def test_a_long_word_is_not_repeated_whole():
    for ask in (
        lambda: parse_component("attack", "x" * MANY),
        lambda: with_setting(Experiment(), "y" * MANY + "=1"),
        lambda: with_setting(Experiment(), "z" * MANY),
    ):
        with pytest.raises(SpecError) as error:
            ask()
        said(error, "…")
