"""Which engine works on a sweep: names and addresses that are refused, and with what sentence."""

from __future__ import annotations

import sys

import pytest

from gi_core.jobs.store import Store
from gi_core.settings import SpecError
from gi_core.workers import executors
from gi_core.workers.executors.dask_access import certified, refuse_open
from gi_core.workers.executors.dask_engine import Dask
from tests.test_house_rules import loaded


def test_names_that_are_no_executor_are_refused(gi_home):
    for name in ("ray", "local:there", "", "daskk:tls://h:1"):
        with pytest.raises(SpecError, match="choose local, dask"):
            executors.chosen(name, Store(), "0" * 12)
    with pytest.raises(SpecError, match="give 1 or more"):
        executors.chosen("local", Store(), "0" * 12, 0)
    with pytest.raises(SpecError, match="leave out --workers"):
        executors.check("dask:tls://far:8786", 2)


@pytest.mark.parametrize(
    "address", ["tls://host", "host:8786", "http://127.0.0.1:80", "tcp://:1", "tcp://[::1", "tls://h:99999"]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(SpecError, match="no scheduler's address"):
        refuse_open(address)


def test_a_port_that_others_reach_needs_tls():
    for address in ("tcp://10.0.0.5:8786", "tcp://0.0.0.0:8786", "tcp://127.evil.example:8786"):
        with pytest.raises(SpecError, match="not encrypted"):
            refuse_open(address)
    for address in ("tls://10.0.0.5:8786", "tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786"):
        refuse_open(address)


@pytest.mark.parametrize("settings", [{}, {"distributed.comm.tls.ca-file": "/no/such/ca.pem"}])
def test_tls_without_certificates_is_refused(settings):
    import dask

    with dask.config.set(settings), pytest.raises(SpecError, match="certificates"):
        certified("tls://far:8786")


def test_without_dask_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    for ask in (Dask, lambda: executors.check("dask")):
        with pytest.raises(SpecError, match="pip install -r requirements-cluster.txt"):
            ask()


def test_the_store_s_side_loads_no_torch():
    program = "import gi_core.workers.executors.coordinator, gi_core.workers.executors.dask_engine"
    assert loaded(program, "torch", "distributed", "streamlit") == []
