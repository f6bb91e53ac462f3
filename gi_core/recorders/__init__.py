"""Recorders for federated learning frameworks: each round of a client to files that the attacks read.

They run in the framework's own environment, which has no torch and none of this project's other requirements, and load
nothing of a framework until they are used: `nvflare` is a filter for NVFlare, `flower` a mod for Flower.
"""
