"""What is known of every claim: shipped, measured on this machine, or come of the sweeps that were started here."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.reproductions import Claim, Measured, Setting, asked, claims, records, studies
from gi_core.reproductions.collecting import answers as collected
from gi_core.reproductions.pictures import Chosen
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep, members
from pages.shared import link
from pages.shared.session import store
from pages.shared.sweeps import asking


class Offer(NamedTuple):
    """A setting as this page runs it: with the pictures that are here."""

    setting: Setting
    sweep: Sweep
    pictures: Chosen


class Known(NamedTuple):
    """measured: the newest. sweep: its sweep in this store, "" where its runs are not here. shipped: it came with the program."""

    measured: Measured
    sweep: str
    shipped: bool


@st.cache_resource(ttl=60, show_spinner=False)  # a data set may be fetched meanwhile
def offers() -> tuple[Offer, ...]:
    """Every setting that the small budget reaches."""
    found = []
    for study in studies():
        for setting in study.settings:
            if setting.small.pictures:
                try:
                    found.append(Offer(setting, *asked(setting, "small")))
                except SpecError:  # a data set that is damaged: said where pictures are chosen
                    continue
    return tuple(found)


def jobs() -> list[Job]:
    """All sweeps of this person, newest first."""
    return store().jobs(kinds=("sweep",), limit=200)


def answers() -> dict[str, Known]:
    """Id of a claim -> what is known of it. Raises SpecError: the file of this machine is damaged."""
    shipped, there = records.shipped(), jobs()
    held = {job.id for job in there}
    found = {
        name: Known(one, one["sweep"] if one["sweep"] in held else "", shipped.get(name) == one)
        for name, one in records.known().items()
    }
    for offer in offers():
        job = asking.find(offer.sweep, there)
        if job is not None and job.over:
            new = collected(store(), job.id, _its(offer.setting), offer.pictures, "small", offer.setting.whole("small"))
            kept = records.newer({name: one.measured for name, one in found.items()}, new)
            found |= {
                name: Known(one, job.id, False)
                for name, one in new.items()
                if kept[name] is one and one["value"] is not None
            }
    return found


@st.cache_resource(ttl=60, show_spinner=False)
def links() -> dict[str, str]:
    """Id of a setting -> the address of its first picture's experiment in the lab."""
    return {one.setting.id: f"./?experiment={link.encode(members(one.sweep)[0].experiment)}" for one in offers()}


def _its(setting: Setting) -> list[Claim]:
    return [one for one in claims() if one.experiment == setting.id]
