"""The inversion influence function: how precisely a gradient shows a picture, without attacking.

g(x) = dL/dtheta, J = d/dx dL/dtheta (pixels x parameters). A server that sees g(x0) + delta and matches it
perfectly ends at x0 + (J J^T)^-1 J delta: the influence I(delta) = |(J J^T + eps)^-1 J delta|. Zhang et al.,
Understanding Deep Gradient Leakage via Inversion Influence Functions, NeurIPS 2023.

All of it is for an attacker *without* a picture prior: total variation beat it 1.4 to 6.6 times in our
measurements, so none of these numbers is a safety floor.
"""
