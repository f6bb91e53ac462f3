"""The engine plan: which kernels, memory format and chunk run this network fastest, measured.

A few evaluations of each variant against the real update, in turns, by CPU time; the fastest wins. It takes a 25th of the
run at most: where that leaves no time to compare, the plan is the one that mostly wins, and says that it is a default.
Kept in `GI_HOME/plans.json` by network, shape and device, so that the next run starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os

import torch
from torch import nn

from gi_core.attacks.client_round.local_steps import simulated_steps
from gi_core.attacks.plan_clock import Clock
from gi_core.common.paths import home
from gi_core.networks.prepared import facts
from gi_core.settings.attacks import AttackSettings, ClosedForm, Dlg, LevenbergMarquardt, Matching
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

MAX_CHUNK = 32
BYTES_PER_CHUNK = 2 * 2**30
SHARE = 0.04
"""Share of a run's time that measuring its plan may take."""
EDITION = 2
"""Edition of the way plans are measured: a plan kept by an earlier edition is not read."""


def measure(
    update: Update, knowledge: Knowledge, settings: AttackSettings, device: torch.device, budget_seconds: float = 5.0,
    most: int | None = None,
) -> Plan:  # fmt: skip
    """The plan for this attack: from the cache if it is known, else measured in `budget_seconds` of CPU at most, a short
    run's in less. most: trials that the memory allows at once.
    """
    if isinstance(settings, ClosedForm):
        return Plan(device=device.type, threads=torch.get_num_threads())  # float64 on the CPU, nothing to choose
    wanted = _memory_chunk(update, knowledge, settings)
    most = most if most is not None and most < wanted else None
    key = plan_key(update, knowledge, settings, device) + ("" if most is None else f"-{most}")
    known = _read().get(key)
    if known is not None:
        return Plan(**{**known, "source": "cached"})
    plan = timed(update, knowledge, settings, device, budget_seconds, most)
    if plan.source == "measured":
        _write(key, plan)
    return plan


def within(plan: Plan, most: int | None) -> Plan:
    """The plan with at most so many trials at once."""
    return plan if most is None or most >= plan.chunk else plan.model_copy(update={"chunk": most, "most": most})


def plan_key(update: Update, knowledge: Knowledge, settings: AttackSettings, device: torch.device) -> str:
    """Depends on what decides speed: parameter shapes, layers, picture, trials, device, torch."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    parts = [
        repr(knowledge.model), [list(t.shape) for t in update.tensors.values()], list(knowledge.input_shape), update.images,
        settings.kind, settings.trials, "float64" if settings.double else "float32", name, torch.get_num_threads(), torch.__version__, EDITION,
    ]  # fmt: skip
    if facts(knowledge.model) is not None:
        parts.append("own")  # a network that looks the same may bear more variants
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def timed(
    update: Update, knowledge: Knowledge, settings: AttackSettings, device: torch.device, budget: float,
    most: int | None = None,
) -> Plan:  # fmt: skip
    """The plan that a few timed steps found the fastest within `budget` seconds, whatever was measured before."""
    wanted = _memory_chunk(update, knowledge, settings)
    base = Plan(
        device=device.type, threads=torch.get_num_threads(), chunk=min(wanted, most or wanted), most=most,
        cuda_graph=device.type == "cuda" and isinstance(settings, Matching),
    )  # fmt: skip
    clock = Clock(update, knowledge, torch.float64 if settings.double else torch.float32, device)
    small = sum(t.numel() for t in update.tensors.values()) < 1e5 and update.images == 1
    first = base.model_copy(update={"chunk": 1, "onednn": not (small and device.type == "cpu")})
    seconds = clock.once(first)
    if clock.share * seconds < budget / 4:
        seconds, clock.spent = clock.once(first), 0.0  # kernels are chosen and memory is taken the first time
    allowed = min(budget, SHARE * seconds * _evaluations(settings)) - clock.share * seconds
    # What is fast for one trial need not be for a batch, so each variant is timed at both.
    chunks = (1,) if isinstance(settings, Dlg) else sorted({1, base.chunk})
    variants = [] if settings.double else _variants(base, knowledge)
    rivals = [v.model_copy(update={"chunk": chunk}) for chunk in chunks for v in variants]
    found = clock.compare(first, [r for r in rivals if r != first], allowed)
    chunk = base.chunk if len(chunks) == 1 else found.chunk
    source = "measured" if found.seconds is not None else "default"
    return found.model_copy(update={"seconds": found.seconds or seconds, "chunk": chunk, "source": source})


def _evaluations(settings: AttackSettings) -> float:
    """About the least number of gradients that a run evaluates."""
    if isinstance(settings, Dlg):
        return 10.0 * settings.inner  # a good start is there by then
    if not isinstance(settings, Matching):
        return 10.0 * (settings.krylov if isinstance(settings, LevenbergMarquardt) else 20)
    inner = 20 if settings.optimiser == "lbfgs" else 1
    return float((settings.iterations or 300) * settings.trials * inner)


def _variants(base: Plan, knowledge: Knowledge) -> list[Plan]:
    """Plans to compare, most often fastest first: plain kernels win for small networks on a CPU, channels-last seldom."""
    found = [base]
    if base.device == "cpu":
        found.append(base.model_copy(update={"onednn": False}))
    own = facts(knowledge.model) is not None  # which may call view, and that needs the usual memory format
    if not own and any(isinstance(m, nn.Conv2d) for m in knowledge.model.modules()):
        found.append(base.model_copy(update={"channels_last": True}))
    return found


def _memory_chunk(update: Update, knowledge: Knowledge, settings: AttackSettings) -> int:
    """Trials whose gradients and graph fit the budget: about eight copies of each are alive at once."""
    numbers = sum(t.numel() for t in update.tensors.values()) + 64 * update.images * sum(knowledge.input_shape) * 32
    per_trial = 8 * 4 * numbers * max(1, simulated_steps(knowledge.schedule, settings.local_rounds))
    return int(max(1, min(MAX_CHUNK, settings.trials, BYTES_PER_CHUNK // per_trial)))


def _read() -> dict[str, dict]:
    try:
        kept = json.loads((home() / "plans.json").read_text())
        return kept if isinstance(kept, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}  # nothing kept yet, or a torn file: measuring again costs a second


def _write(key: str, plan: Plan) -> None:
    """Keep the plan; where it cannot be kept (a full disk), it is measured again the next time."""
    path = home() / "plans.json"
    plans = {**_read(), key: plan.model_dump(mode="json")}
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(plans, indent=1))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
