"""A sweep that a browser brings names no free path: not in its base, not behind an axis, not in its training."""

from __future__ import annotations

import pytest

from gi_core.jobs import sweeps
from gi_core.jobs.sweep_questions import questions
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep, read_sweep
from pages.shared.sweeps import asking

FREE = {
    "samples": ('path = "samples"', '["/etc/hostname"]'),
    "a folder": ('path = "samples"', '["folder:/etc:0"]'),
    "weights": ('path = "weights"', '{kind = "file", path = "/etc/shadow"}'),
    "training data": ('path = "weights"', '{kind = "trained", data = "npz:/etc/shadow"}'),
    "prior": ('path = "attack"', '{kind = "fl_gradient_inversion", prior = "/etc/hostname"}'),
    "generator": ('path = "attack"', '{kind = "inverting_gradients", generator = "/etc/shadow"}'),
    "recorded": ('path = "recorded"', '{checkpoint = "/etc/shadow", update = "/etc/shadow"}'),
    "several together": ("", '{samples = ["/etc/hostname"], seed = 3}'),
}


def made(axis: str = 'path = "seed"', values: str = "7", more: str = "", base: str = "") -> Sweep:
    text = f'[base]\nsize = 16\n{base}\n[[axes]]\nname = "a"\n{axis}\nvalues = [{values}]\n{more}'
    return read_sweep(text.encode(), toml=True)


def start(monkeypatch, sweep: Sweep) -> str:
    """As the page's button does; the sweep's id."""
    shown: list[str] = []
    monkeypatch.setattr(asking, "show", shown.append)
    asking.start(sweep)
    return shown[0]


@pytest.mark.parametrize("what", FREE)
def test_a_path_behind_an_axis_is_refused_and_the_rest_goes_on(store, monkeypatch, what):
    axis, value = FREE[what]
    plain = {
        "samples": '["bundled/coffee"]',
        "weights": '"fresh"',
        "attack": '"dlg"',
        "recorded": "{}",
        "": "{seed = 1}",
    }
    first = plain[axis.removeprefix('path = "').removesuffix('"')]
    if "recorded" in axis:
        sweep = made(axis, value)  # nothing but files can stand there
        with pytest.raises(SpecError, match="only as uploads"):
            start(monkeypatch, sweep)
        assert store.jobs(kinds=None, children=True) == []
        return
    number = start(monkeypatch, made(axis, f"{first}, {value}"))
    good, bad = sweeps.members(store, number)
    assert good.job is not None and bad.job is None and bad.refused.startswith("a page "), bad.refused
    assert "/etc" not in "".join(str(job.spec) for job in store.jobs(children=True))


def test_one_in_the_base_refuses_all(store, monkeypatch):
    with pytest.raises(SpecError, match="a page cannot open"):
        start(monkeypatch, made(base='samples = ["/etc/hostname"]'))
    assert store.jobs(kinds=None, children=True) == []


@pytest.mark.parametrize("data", ["npz:/etc/shadow", "folder:/etc", "npz:../../secret.npz", "folder:~/pictures"])
def test_one_that_is_trained_on_refuses_all(store, monkeypatch, data):
    sweep = made(more=f'[utility]\ndata = "{data}"\n')
    assert any(q.role == "utility" and not q.refused for q in questions(sweep)), "the command line may"
    with pytest.raises(SpecError, match="trains only on data sets by name"):
        start(monkeypatch, sweep)
    assert store.jobs(kinds=None, children=True) == []


def test_what_goes_on_again_names_none_either(store, monkeypatch):
    sweep = made('path = "samples"', '["bundled/coffee"], ["/etc/hostname"]')
    number = start(monkeypatch, sweep)
    store.control(number, "cancel")
    store.control(number, "resume")
    assert sweeps.members(store, number)[1].job is None
    assert start(monkeypatch, sweep) == number and sweeps.members(store, number)[1].job is None
