"""Residual networks as an attack: a Step is a block, then a temperature of the search, then a finishing round."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gi_core.attacks.base import Certificate, LayerReport, Refused, State, Step
from gi_core.attacks.batch_norm.fixed import with_batch_statistics
from gi_core.attacks.observation import refuse_bad_update
from gi_core.attacks.priors import Pixels
from gi_core.attacks.recursion.layers import missing
from gi_core.attacks.recursion.machine import Recursion, drawn_layers
from gi_core.attacks.recursion.residual import centred, finish, states, verdict
from gi_core.attacks.recursion.residual.annealing import FIRST, LOST, SMOOTHER, TEMPERATURES, StemSearch, descend
from gi_core.attacks.recursion.residual.features import Search
from gi_core.attacks.recursion.residual.going import Going
from gi_core.attacks.recursion.residual.train_descent import TrainNetwork
from gi_core.networks.bottleneck import bottlenecks
from gi_core.settings import closed_form_attacks
from gi_core.settings.chain import Affine, chain
from gi_core.settings.graph import MaxPool
from gi_core.settings.plan import Plan
from gi_core.settings.recursion_checks import BOTTLENECK, OWN_LOSS, refusal
from gi_core.settings.residual_chain import ResidualNet, exact_blocks, parse, parts
from gi_core.types.updates import Knowledge, Update

WINNERS, FEATURES, FINISHING = 13, 2, 3000
"""Operations over products of convolutions: of an evaluation of the stem's search, of features', and of a finishing round; measured."""
SOLVING, STEPPING = 20, 2000
"""The same of a layer: over unknowns times equations squared, and over its products where it is searched; measured."""
TRIED_IN_TRAINING = 2
"""How often the stem is annealed with batch norm in train mode, about."""
NOISE = 1e-3
"""Of the picture that a search begins with, in normalised units."""


def _products(layer: Affine) -> float:
    """Multiplications of a convolution."""
    op = layer.convolution
    return float(math.prod(layer.shape) * op.channels_in // op.groups * op.kernel**2)


def _equations(layer: Affine) -> int:
    """Equations of a channel of the layer's input that are solved jointly."""
    op = layer.convolution
    return min(math.prod(layer.input_shape[1:]), op.channels * op.kernel**2)


class ResidualMachine(Recursion):
    """The machine (see `attacks.base.Attack`): blocks in float64, the annealing in float32, on the CPU."""

    def __init__(
        self, settings: closed_form_attacks.ResidualRecursion, update: Update, knowledge: Knowledge, plan: Plan,
        device: torch.device,
    ):  # fmt: skip
        self.settings: closed_form_attacks.ResidualRecursion = settings
        self.update, self.knowledge, self.plan = update, knowledge, plan
        refuse_bad_update(update.norm())
        if bottlenecks(knowledge.model):
            raise Refused(BOTTLENECK)
        if knowledge.loss == "own":
            raise Refused(OWN_LOSS)
        graph = drawn_layers(knowledge, pooled=True)
        whole = chain(graph)
        shared = update.statistics is not None
        reason = refusal(type(settings), whole, update.images, knowledge.batch_norm, shared)
        net = parse(whole)
        if reason or isinstance(net, str):
            raise Refused(reason or str(net))
        reason = missing(tuple(parts(net)), update)
        if reason:
            raise Refused(reason)
        pool = next((x.op for x in graph.layers if net.pool is not None and x.name == net.pool.name), None)
        assert pool is None or isinstance(pool, MaxPool)  # as `parse` looked for
        self.net: ResidualNet = net
        norms = any(part.batch_norm for part in parts(net))
        fixed = with_batch_statistics(update, knowledge) if norms and knowledge.batch_norm == "train" else None
        self.going = Going(net, pool, fixed or knowledge.model, update, knowledge.std, train=fixed is not None)
        self.blocks = (net.stem, *net.blocks)
        self.last = net.head
        self.shape = (1, *knowledge.input_shape)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))
        tries = len(SMOOTHER) if pool is not None else 1
        self.steps = len(net.blocks) + tries * len(TEMPERATURES) + settings.rounds  # at most

    def operations(self) -> float:
        """Floating point operations of a run, roughly, as many as double precision's take the same time."""
        net, exact, stem = self.net, exact_blocks(self.net), _products(self.net.stem)
        inner = sum(
            _products(part) for b in net.blocks[: len(net.blocks) - exact] for part in (*b.main, b.skip) if part
        )
        evaluations = (len(TEMPERATURES) + FIRST - 1) * self.settings.annealing
        train = self.going.network if isinstance(self.going.network, TrainNetwork) else None
        if inner:
            search = float(FEATURES * evaluations) * (stem + inner)
        else:
            again = TRIED_IN_TRAINING if train else 1
            tried = evaluations * again if net.pool is not None else float(self.settings.annealing)
            search = (WINNERS * tried + FINISHING * self.settings.rounds) * stem
        passed = [part for b in net.blocks[-exact - 1 :] for part in b.main]
        solved: float = SOLVING * sum(_equations(part) ** 2 * math.prod(part.input_shape[1:]) for part in passed)
        if train is not None:
            solved += STEPPING * sum(_products(part) for part in passed if not centred.enough(train.layer(part)))
        return search + solved + net.positions**6 / 3

    def init(self, seed: int) -> State:
        """The top mask, which nothing is guessed for. Raises Refused."""
        delta = self.going.delta()
        if self.settings.labels == "known":
            if self.knowledge.labels is None:
                raise Refused("the server does not know the labels: choose labels=infer")
            label = int(self.knowledge.labels.reshape(-1)[0])
        else:
            label = int(delta.argmin()) if len(delta) > 1 else int(delta[0] < 0)
        place = self.going.start()
        return {
            "iteration": 0, "at": len(self.net.blocks) - 1, "place": states.of_place(place), "halted": None, "heat": 0,
            "rounds": 0, "tries": 0, "seed": seed, "x": torch.zeros(self.shape[1:], dtype=torch.float64), "best": None, "misfit": float("inf"), "label": label,
        }  # fmt: skip

    def _first(self, seed: int) -> Tensor:
        """Faint noise for a search of features: at zeros every unit of an untrained network stands at its kink. The stem's own
        search begins at zeros, as noise would stay in the picture.
        """
        noise = torch.randn(self.shape[1:], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        return NOISE * noise

    # a step

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        if state["at"] >= 0 and state["halted"] is None:
            return self._block(state)
        return self._anneal(state) if state["heat"] < len(TEMPERATURES) else self._finish_round(state)

    def _block(self, state: State) -> tuple[State, Step]:
        at, out = state["at"], states.place(state["place"])
        passed = self.going.descend(at, out)
        halted = self.going.halted(at, passed)
        report = states.report(self.net.blocks[at], passed, halted)
        events: tuple[str, ...] = ()
        if halted is None or halted.at < at:
            state["place"], state["at"] = states.of_place(passed.place), at - 1
            if at == 0 and self.going.pool is None:
                state["heat"] = len(TEMPERATURES) - 1  # nothing to sharpen
        if halted is not None:
            state["halted"] = states.of_halted(halted)
            events = (f"the equations end at {halted.reason}",)
        blind = halted is not None and halted.at == len(self.net.blocks) - 1 and halted.inner is None
        if blind:
            state["heat"], state["rounds"] = len(TEMPERATURES), self.settings.rounds
        return state, self._shown(state, report, report.residual, done=blind, events=events)

    def _searched(self, state: State, dtype: torch.dtype) -> StemSearch | Search:
        out, halted = states.place(state["place"]), states.halted(state["halted"])
        if halted is None:
            return self.going.stem_search(out, dtype)
        return self.going.feature_search(halted, out, dtype)

    def _anneal(self, state: State) -> tuple[State, Step]:
        search = self._searched(state, torch.float32)
        loss = search.objective(TEMPERATURES[state["heat"]], SMOOTHER[state["tries"]])
        if state["heat"] == 0 and state["halted"] is not None:
            state["x"] = self._first(state["seed"])
        most = self.settings.annealing * (FIRST if state["heat"] == 0 else 1)
        x = descend(loss, state["x"].float(), most).double()
        state["heat"] += 1
        self._keep(state, x, search.misfit(x.float()))
        cold = state["heat"] == len(TEMPERATURES)
        lost = cold and state["halted"] is None and self.going.pool is not None and state["misfit"] > LOST
        if lost and state["tries"] < len(SMOOTHER) - 1:
            state["heat"], state["tries"], state["x"] = 0, state["tries"] + 1, torch.zeros_like(x)
            events = (f"the annealing lost its way (misfit {state['misfit']:.0e}): tried anew",)
            return state, self._shown(state, None, state["misfit"], done=False, events=events)
        over = cold and (state["halted"] is not None or not self.settings.rounds)
        return state, self._shown(state, None, state["misfit"], done=over)

    def _finish_round(self, state: State) -> tuple[State, Step]:
        search = self._searched(state, torch.float64)
        assert isinstance(search, StemSearch)  # a search of features ends with its annealing
        if state["rounds"] == 0:
            state["x"], state["misfit"] = state["best"], search.misfit(state["best"])
        x = finish.improve(search.stem, search.pooled, search.active, search.back, search.open, state["x"])
        before = state["misfit"]
        state["rounds"] += 1
        self._keep(state, x, search.misfit(x))
        settled = state["rounds"] > 1 and state["misfit"] > 0.99 * before
        over = state["rounds"] >= self.settings.rounds or settled
        return state, self._shown(state, None, state["misfit"], done=over)

    def _keep(self, state: State, x: Tensor, misfit: float) -> None:
        """Go on from x, and keep it where the attacker sees that it fits best."""
        state["x"] = x
        if misfit <= state["misfit"] or state["best"] is None:
            state["best"], state["misfit"] = x, misfit

    # what is shown

    def _shown(
        self, state: State, layer: LayerReport | None, residual: float, *, done: bool, events: tuple[str, ...] = ()
    ) -> Step:
        images, labels = self.answer(state)
        value = torch.tensor([residual], dtype=torch.float64)
        said = verdict.note(self.net, states.halted(state["halted"]), state["misfit"]) if done else ""
        return Step(
            iteration=state["iteration"], losses={"residual": value, "total": value}, images=images[None],
            labels=labels[None], best=0, score=value, rate=layer.condition if layer is not None else self._heat(state),
            done=done, note=said, events=events, layer=layer,
        )  # fmt: skip

    def _heat(self, state: State) -> float:
        return TEMPERATURES[min(max(state["heat"], 1), len(TEMPERATURES)) - 1]

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        label = torch.tensor([state["label"]])
        if state["best"] is None:
            return torch.full(self.shape, 0.5, dtype=torch.float64), label
        return self.pixels.decode(state["best"])[None], label

    def residual(self, state: State) -> dict[str, float]:
        return {} if state["best"] is None else self.gradient_residual(*self.answer(state))

    def certificate(self, state: State) -> Certificate | None:
        """Of what is searched below the last exact block; where all are exact the winners of the pooling are searched, which proves nothing."""
        halted = states.halted(state["halted"])
        return None if halted is None else Certificate("the equations of its blocks", f"they end at {halted.reason}")
