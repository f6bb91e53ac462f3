"""The order of a traced graph: of two branches that meet, the longer one first, and nothing that the output does not use.

A person may write the shortcut of a residual block before or after its convolutions; whoever walks the graph need not care.
"""

from __future__ import annotations

from gi_core.settings.graph import INPUT, Graph, Layer


def ordered(graph: Graph, output: str) -> Graph:
    """`graph` up to the layer `output`, in one fixed order of computation."""
    layers = {layer.name: layer for layer in graph.layers}
    depth = {INPUT: 0}
    for layer in graph.layers:
        depth[layer.name] = 1 + max((depth[name] for name in layer.inputs), default=0)
    done: dict[str, Layer] = {}
    waiting = [output]
    while waiting:
        name = waiting[-1]
        found = layers.get(name)
        missing = [] if found is None else [n for n in found.inputs if n not in done and n != INPUT]
        if name in done or found is None or not missing:
            if found is not None:
                done.setdefault(name, found)
            waiting.pop()
            continue
        waiting.append(max(missing, key=lambda n: depth[n]))
    return Graph(graph.input_shape, tuple(done.values()))
