"""Every attack x defense x client x server: what is refused is said in a sentence before anything runs, and the rest runs."""

from __future__ import annotations

import itertools
import random

import pytest
import torch

from gi_core.attacks import Refused, make
from gi_core.common.progress import silent
from gi_core.experiments.setup import ask
from gi_core.settings import ATTACKS, Experiment, SpecError, build, problems
from gi_core.settings.registry import SERVERS
from tests.attacks.test_table import CLOSED, TINY_ATTACKS, TINY_DEFENSES
from tests.victims import PLAN, advance

FOUR = [f"bundled/faces:{k}" for k in range(4)]
TINY_SERVERS = {
    "honest": {"kind": "honest"},
    "fishing": {"kind": "fishing"},
    "trap": {"kind": "trap", "through": 0.2},
    "imprint": {"kind": "imprint", "bins": 8},
}
CLIENTS = {
    "gradient": {"kind": "fedsgd"},
    "one step": {"kind": "fedavg", "epochs": 1},
    "several steps": {"kind": "fedavg", "epochs": 2, "batch_size": 2},
    "added up": {"kind": "fedavg", "epochs": 1, "clients": 2},
    "adam": {"kind": "fedavg", "epochs": 1, "optimiser": "adam"},
    "several rounds": {"kind": "fedsgd", "rounds": 2},
    "adapter": {"kind": "fedsgd", "trains": "adapter"},
    "head": {"kind": "fedsgd", "trains": "head"},
}
NETWORKS = {
    "lenet": {"kind": "lenet", "width": 2, "init": "uniform", "classes": 10},
    "mlp": {"kind": "mlp", "hidden": 16, "classes": 10},
}
PARTLY = ("several rounds", "adapter", "head")
"""Clients that are played with an honest server alone."""
Cell = tuple[str, str, str, str, str]
"""attack, defense, client, server, network."""
CELLS: tuple[Cell, ...] = tuple(itertools.product(TINY_ATTACKS, TINY_DEFENSES, CLIENTS, TINY_SERVERS, NETWORKS))
CHANGING = [kind for kind in TINY_SERVERS if SERVERS[kind].changes]
"""Servers that change the network; `test_table` tries the honest one."""
DRAWN = 1
"""Seed of the cells that are run."""
SLOW = "protective_direction"
"""Searches for seconds for each picture; `test_table` tries it against every attack."""


def asked(cell: Cell) -> Experiment:
    attack, defense, client, server, network = cell
    offered = ATTACKS[attack].model_fields["labels"].annotation.__args__
    labels = "joint" if attack == "dlg" else "infer" if "infer" in offered else "auto"
    return build({
        "samples": FOUR, "labels": [0, 1, 2, 3], "size": 12, "channels": 3, "model": NETWORKS[network], "client": CLIENTS[client],
        "attack": {"kind": attack, "labels": labels, **TINY_ATTACKS[attack]}, "server": TINY_SERVERS[server],
        "defenses": TINY_DEFENSES[defense],
    })  # fmt: skip


def why(cell: Cell) -> tuple[str, ...]:
    """Why a cell cannot be run; empty where it can."""
    return tuple(p.reason for p in problems(asked(cell)) if p.fatal)


def open_to(server: str, client: str = "gradient", defense: str = "none", network: str = "mlp") -> set[str]:
    """Attacks that run there."""
    return {a for a in TINY_ATTACKS if not why((a, defense, client, server, network))}


def test_the_table_has_every_server():
    assert set(TINY_SERVERS) == set(SERVERS)


def test_every_reason_is_one_sentence():
    for cell in CELLS:
        for reason in why(cell):
            words = reason.split(". ")
            assert len(words) == 1 and 20 < len(reason) < 300 and "\n" not in reason and "None" not in reason, (
                cell,
                reason,
            )


def test_an_attack_is_open_to_a_server_or_says_why_not():
    searches = set(TINY_ATTACKS) - set(CLOSED)
    assert open_to("fishing", network="lenet") == searches | {"rgap", "peeling", "rgap_hybrid"}, (
        "fished, a batch is one picture"
    )
    assert open_to("honest", network="lenet") == searches
    assert open_to("imprint") == searches | {"imprint"}
    assert open_to("trap") == open_to("honest") | {"imprint"}
    assert "imprint" not in open_to("honest") | open_to("fishing")
    assert not open_to("trap", network="lenet"), "no dense layer reads the pictures"


def test_a_server_that_changes_the_network_is_refused_where_it_is_not_played():
    for server, client in itertools.product(CHANGING, PARTLY):
        assert not open_to(server, client) and open_to("honest", client)
    for defense in ("precode", "mixing"):
        assert not open_to("fishing", defense=defense) and open_to("honest", defense=defense)
    for client in set(CLIENTS) - set(PARTLY):
        assert open_to("fishing", client) and open_to("imprint", client) and open_to("trap", client)


def _run(cell: Cell) -> None:
    """As a run does: to its end, or to a refusal in one sentence for what only the update tells."""
    try:
        question = ask(asked(cell), torch.device("cpu"), silent)
        done = question.round
        built = make(question.experiment.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
        state, step = advance(built, built.init(0), 60 if cell[0] in CLOSED else 2)
    except (Refused, SpecError) as refusal:
        said = str(refusal)
        assert "\n" not in said and len(said) > 20 and "works on one gradient" not in said, "that was known before"
        return
    answer, labels = built.answer(state)
    assert torch.isfinite(answer).all() and answer.shape[1:] == question.pictures.images.shape[1:]
    assert len(labels) == len(answer) and (step.done or cell[0] not in CLOSED)
    assert set(built.residual(state)) <= set(done.update.tensors)


def _free(attack: str, server: str, count: int) -> list[Cell]:
    """So many cells of this attack beside this server that nothing refuses, drawn by chance."""
    cells = [c for c in CELLS if (c[0], c[3]) == (attack, server) and c[1] != SLOW]
    random.Random(f"{DRAWN} {attack} {server}").shuffle(cells)
    return list(itertools.islice((c for c in cells if not why(c)), count))


@pytest.mark.parametrize(("attack", "server"), list(itertools.product(TINY_ATTACKS, CHANGING)))
def test_what_nothing_refuses_runs(attack, server):
    for cell in _free(attack, server, 1):
        _run(cell)


@pytest.mark.slow
@pytest.mark.parametrize("attack", TINY_ATTACKS)
def test_more_of_what_nothing_refuses_runs(attack):
    for server in TINY_SERVERS:
        for cell in _free(attack, server, 5)[1:]:
            _run(cell)
