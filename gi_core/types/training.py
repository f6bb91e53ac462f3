"""How well a network learns under a defense: what a training without an attack ends with, field by field. No torch."""

from typing import Annotated, Literal, TypedDict


class Learnt(TypedDict):
    """What the rounds end with."""

    accuracy: Annotated[float, "in [0, 1], on pictures that no client has: mean over the last rounds"]
    loss: Annotated[float | None, "mean after the last round; null where it is not finite"]
    curve: Annotated[list[float], "accuracy before the first round, and after each"]
    note: Annotated[str | None, "where the training left the finite numbers, and accuracy is chance"]


class Training(Learnt):
    """The whole answer."""

    chance: Annotated[float, "accuracy of always naming the commonest class"]
    classes: Annotated[int, "among the test pictures"]
    test_pictures: Annotated[int, "how many"]
    parameters: Annotated[int, "trainable numbers of the network"]
    rounds: Annotated[int, "of the federation"]
    epsilon: Annotated[float | None, "of the whole training under DP-SGD; null where it is infinite or there is none"]
    promise: Annotated[str | None, "the guarantee in words"]
    seconds: Annotated[float, "s that it took"]
    status: Annotated[Literal["done"], "done"]
