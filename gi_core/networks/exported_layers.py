"""Layers in place of operations: where an exported graph applies a layer's own weights, it calls the layer again.

So an exported network is like the module that it was made from: `nn.Conv2d`, `nn.Linear` and normalisations under their names,
which defenses, label reading and second derivatives look for.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, fx, nn

from gi_core.networks.traced_ops import conv2d
from gi_core.networks.traced_reading import Owners, Untraced


def with_layers(network: fx.GraphModule) -> nn.Module:
    """The network of an exported graph with parameters as `get_attr`, its layers made modules; parameters keep their order."""
    root = nn.Module()
    made: dict[str, nn.Module] = {}
    uses = _uses(network)
    for node in list(network.graph.nodes):
        owner, layer = _layer(network, node, uses)
        if layer is None or owner in made:
            continue
        made[owner] = layer
        node.op, node.target, node.args, node.kwargs = "call_module", owner, (node.args[0],), {}
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        owner = name.rpartition(".")[0]
        if owner in made:
            _place(root, owner, made[owner])
        else:
            _place(root, name, tensor)
    for node in reversed(list(network.graph.nodes)):  # guards, and the weights that layers hold now
        if not node.users and (node.op == "get_attr" or (node.op == "call_module" and node.target == "_guards_fn")):
            network.graph.erase_node(node)
        elif node.op == "output" and isinstance(node.args[0], (tuple, list)):
            node.args = (node.args[0][0],)
    found = fx.GraphModule(root, fx.Graph(), class_name="Exported")
    for name, child in root.named_children():
        found.add_module(name, child)
    for name, parameter in root.named_parameters(recurse=False):
        found.register_parameter(name, parameter)
    for name, buffer in root.named_buffers(recurse=False):
        found.register_buffer(name, buffer)
    network.graph.set_codegen(fx.graph.CodeGen())  # the exported one flattens its inputs
    found.graph = network.graph
    return found.eval()


def _uses(network: fx.GraphModule) -> dict[str, int]:
    """How often each parameter is used: one that two operations share is no layer's own."""
    found: dict[str, int] = {}
    for node in network.graph.nodes:
        if node.op == "get_attr":
            found[str(node.target)] = found.get(str(node.target), 0) + len(node.users)
    return found


def _layer(network: fx.GraphModule, node: fx.Node, uses: dict[str, int]) -> tuple[str, nn.Module | None]:
    """(path, layer) of an operation that applies the weights of one module; ("", None) for any other."""
    kind = str(node.target).split(".")[1] if node.op == "call_function" and "." in str(node.target) else ""
    args = [*node.args, *node.kwargs.values()]
    names = [a.target for a in args if isinstance(a, fx.Node) and a.op == "get_attr"]
    owner = str(names[0]).rpartition(".")[0] if names else ""
    if kind not in ("conv2d", "linear", "batch_norm", "group_norm") or not owner:
        return "", None
    if names[0] != f"{owner}.weight" or any(uses[str(n)] != 1 or not str(n).startswith(owner + ".") for n in names):
        return "", None
    held = {str(n).rpartition(".")[2]: _tensor(network, str(n)) for n in names}
    if set(held) - {"weight", "bias", "running_mean", "running_var"}:
        return "", None
    layer = _made(kind, held, args)
    return (owner, layer) if layer is not None else ("", None)


def _made(kind: str, held: dict[str, Tensor], args: list[Any]) -> nn.Module | None:
    weight, bias = held["weight"], "bias" in held
    if kind == "linear":
        layer: nn.Module = nn.Linear(weight.shape[1], weight.shape[0], bias, device="meta")
    elif kind == "conv2d":
        try:
            op: Any = conv2d(_Anyone(nn.Module()), weight.new_empty(1, 1, 1, 1).expand(1, _channels(weight, args), 1, 1), weight,
                             held.get("bias"), *args[3:])  # fmt: skip
        except Untraced:
            return None
        c = op.op
        layer = nn.Conv2d(
            c.channels_in, c.channels, c.kernel, c.stride, c.padding, c.dilation, c.groups, bias, device="meta"
        )
    elif kind == "batch_norm" and len(held) == 4:
        layer = nn.BatchNorm2d(len(weight), eps=args[7], momentum=args[6])
    elif kind == "group_norm" and bias:
        layer = nn.GroupNorm(args[1], len(weight), eps=args[4] if len(args) > 4 else 1e-5)
    else:
        return None
    for name, tensor in held.items():
        if name in layer._parameters:
            layer._parameters[name] = nn.Parameter(tensor.detach(), requires_grad=tensor.requires_grad)
        else:
            layer._buffers[name] = tensor.detach()
    return layer


def _channels(weight: Tensor, args: list[Any]) -> int:
    return int(weight.shape[1]) * (args[6] if len(args) > 6 and isinstance(args[6], int) else 1)


class _Anyone(Owners):
    """Stands for the owners of weights where they are known already."""

    def of(self, weight: object, bias: object) -> str:
        return ""


def _tensor(network: fx.GraphModule, name: str) -> Tensor:
    path, _, leaf = name.rpartition(".")
    value = getattr(network.get_submodule(path), leaf)
    assert isinstance(value, Tensor)
    return value


def _place(root: nn.Module, path: str, value: Any) -> None:
    """Put a module, a parameter or a buffer where its path says."""
    *above, leaf = path.split(".")
    for name in above:
        if name not in root._modules:
            root.add_module(name, nn.Module())
        root = root._modules[name]  # type: ignore[assignment]
    if isinstance(value, nn.Module):
        root._modules.setdefault(leaf, value)
    elif isinstance(value, nn.Parameter):
        root.register_parameter(leaf, value)
    else:
        root.register_buffer(leaf, value)
