"""Errors whose message a person reads: one sentence that says what to change."""

from __future__ import annotations

_MOST_SENTENCE = 1200


class SpecError(ValueError):
    """A question that cannot be asked; the message is one sentence that says what to change.

    What a person gave may stand in it, and may be long: of a very long sentence, beginning and end are kept.
    """

    def __init__(self, message: object = "") -> None:
        text = str(message)
        if len(text) > _MOST_SENTENCE:
            text = f"{text[: _MOST_SENTENCE // 2]} … {text[-_MOST_SENTENCE // 3 :]}"
        super().__init__(text)


class Diverged(SpecError):
    """Training gave values that are not finite: the question is valid, but not with this noise or step size."""
