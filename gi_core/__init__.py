"""Gradient Inversion Studio: what can a server read back from a client's update?"""

__version__ = "0.1.0"
