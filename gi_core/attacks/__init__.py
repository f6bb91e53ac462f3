"""Attacks: (Update, Knowledge) -> Steps. One settings class in `settings.attacks`, one machine here."""

from __future__ import annotations

from importlib import import_module

import torch

from gi_core.attacks.adaptive.knowledge import given, unallowed
from gi_core.attacks.adaptive.past_bottleneck import past_bottleneck
from gi_core.attacks.adaptive.past_dropout import past_dropout, with_notices
from gi_core.attacks.adaptive.several_rounds import prepared
from gi_core.attacks.base import Attack, Refused, State, Step, stream
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.settings.attacks import AttackSettings, ClosedForm
from gi_core.settings.check import one_gradient_only
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update


def machine_of(settings: AttackSettings) -> type:
    """The class of an attack's machine, imported only when it is needed: the recursion's solvers take half a second."""
    module, name = settings.made_by.split(":")
    return getattr(import_module(f"{__name__}.{module}"), name)


def make(
    settings: AttackSettings, update: Update, knowledge: Knowledge, *, plan: Plan, device: torch.device | str
) -> Attack:
    """The machine of an attack, prepared for this update. Raises Refused."""
    device = torch.device(device)
    on_device = not isinstance(settings, ClosedForm)
    if on_device and device.type == "mps" and settings.double:
        raise Refused(f"{settings.title} computes in double precision, which mps does not have: choose device cpu")
    machine = machine_of(settings)
    if getattr(machine, "whole", False):
        return machine(settings, update, knowledge, plan, device)
    knowledge = given(settings, knowledge)
    notices = unallowed(settings, knowledge)
    if knowledge.fished is not None and knowledge.fished.alone and update.images > 1:
        settings = settings.model_copy(update={"labels": "known"})  # all are of the class that was fished for
    knowledge, together = prepared(settings, knowledge)
    update, knowledge = unscaled(update, knowledge)
    names = {id(tensor): name for name, tensor in update.tensors.items()}
    settings, update, knowledge = past_bottleneck(settings, update, knowledge)
    knowledge, dropped = past_dropout(update, knowledge)
    called = {name: names[id(tensor)] for name, tensor in update.tensors.items()}  # in what the client sent
    schedule = knowledge.schedule
    if update.kind == "weight_change" and not getattr(machine, "simulates", False):
        if schedule is None or not schedule.single or schedule.clients > 1:
            raise Refused(one_gradient_only(settings.title))
        update = as_mean_gradient(update, schedule, knowledge.model)  # of one step: the gradient, up to rounding
    if isinstance(settings, ClosedForm) and settings.fills:
        from gi_core.attacks.recursion.masked import filled

        update = filled(update, knowledge)
    made = machine(settings, update, knowledge, plan, device)
    with_notices(made, (*notices, *together, *dropped))
    return made if all(a == b for a, b in called.items()) else _in_its_names(made, called)


def most_steps(machine: Attack, settings: AttackSettings) -> int:
    """Steps that a machine takes at most: those of its layers where it has any, else its iterations."""
    return getattr(machine, "steps", settings.iterations)


def _in_its_names(machine: Attack, called: dict[str, str]) -> Attack:
    """The machine, whose residuals go by the names of the update."""
    inner = machine.residual
    machine.residual = lambda state: {called[name]: value for name, value in inner(state).items()}  # type: ignore[method-assign]
    return machine


__all__ = ["Attack", "Refused", "State", "Step", "machine_of", "make", "most_steps", "stream"]
