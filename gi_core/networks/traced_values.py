"""Values of a forward pass while it is traced: which layer each tensor came from, and what layers are called."""

from __future__ import annotations

from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.networks.traced_reading import Owners, Untraced
from gi_core.settings.graph import AveragePool, Builder, GlobalAverage, Shape


class Values:
    """Tensors by identity -> names of layers in `builder`. stops: layer -> why it is none, one sentence."""

    def __init__(self, model: nn.Module, input_shape: Shape):
        self.model = model
        self.owners, self.builder = Owners(model), Builder(input_shape)
        self.names: dict[int, str] = {}
        self.versions: dict[int, int] = {}
        self.kept: list[Tensor] = []  # all of them, so that no identity is given twice
        self.path = [""]
        self.stops: dict[str, str] = {}
        self.maps: dict[str, str] = {}  # a vector of means -> the same as a map of 1x1
        self.closed: dict[str, str] = {}  # a closing log_softmax -> what it normalises

    def source(self, tensor: Tensor) -> str:
        """The layer of a value, of the shape that the tensor has: (C, 1, 1) after global pooling is made where it is needed."""
        name, wanted = self.names[id(tensor)], tuple(tensor.shape[1:])
        found = self.builder.shapes[name]
        if found == wanted:
            return name
        if name in self.maps:
            return self.maps[name]
        layer = next(layer for layer in self.builder.layers if layer.name == name)
        sides = self.builder.shapes[layer.inputs[0]][1:]
        if not isinstance(layer.op, GlobalAverage) or len(wanted) != 3 or sides[0] != sides[1]:
            raise Untraced(f"it takes {wanted} of each picture, where {found} are traced: flatten them first")
        self.maps[name] = self.builder.add(self.unique(name), AveragePool(sides[0]), layer.inputs[0])
        return self.maps[name]

    def keep(self, tensor: Tensor, name: str) -> None:
        self.names[id(tensor)] = name
        self.versions[id(tensor)] = tensor._version
        self.kept.append(tensor)

    def place(self, bare: str) -> str:
        """What a layer without weights is called: its module where that is torch's own, else the function in it."""
        path = self.path[-1]
        module = self.model.get_submodule(path)
        own = path and type(module).__module__.startswith("torch.nn")
        word = bare.strip("_")
        return path if own else f"{path}.{word}".lstrip(".")

    def unique(self, name: str) -> str:
        taken, number, found = self.builder.shapes, 2, name
        while found in taken:
            found, number = f"{name}_{number}", number + 1
        return found

    def closing(self, output: Tensor) -> tuple[str, bool]:
        """(name of the layer that gives the output, whether a log_softmax behind it was left out). Raises SpecError."""
        name = self.names.get(id(output))
        if name is None:
            raise SpecError("this network's output is not worked out from the picture by operations of torch")
        return (self.closed[name], True) if name in self.closed else (name, False)
