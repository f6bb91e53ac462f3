"""Published numbers to the digit: read by hand from the table of sources a second time, apart from the files that are shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gi_core.reproductions import claims
from gi_core.reproductions.claims import UNPRINTED

SOURCES = Path(__file__).resolve().parents[3] / "shared/specs/published.md"
"""The table of sources, which is not part of this repository."""
VARIANCE = 0.30810782313**2
"""Of MNIST: an error of normalised pictures times this is one of pixels."""
TESTED = {
    "dlg_mnist_labels": 89.9, "dlg_mnist_mse_01": 76, "dlg_mnist_mse_0001": 76, "idlg_mnist_labels": 100, "idlg_mnist_mse_01": 89,
    "idlg_mnist_mse_0001": 87, "dlg_cifar100_labels": 83.3, "dlg_cifar100_mse_01": 66, "dlg_cifar100_mse_0001": 57,
    "idlg_cifar100_labels": 100, "idlg_cifar100_mse_01": 83, "idlg_cifar100_mse_0001": 71, "dlg_lfw_labels": 79.1, "dlg_lfw_mse_01": 52,
    "dlg_lfw_mse_0001": 47, "idlg_lfw_labels": 100, "idlg_lfw_mse_01": 92, "idlg_lfw_mse_0001": 83, "inverting_convnet_loss": 0.0008,
    "inverting_steps_loss": 0.0027, "rgap_cnn6_release": 30.1, "rgap_cnn6_d_release": 7.9, "rgap_fcn3_release": 114,
    "rgap_cnn6_breaching": 49.01, "influence_pruning_mse": (1.8e-4, 3.2e-4), "influence_pruning_ssim": (0.985, 0.996),
    "influence_noise_mse": (6.5e-4, 1.04e-3), "nvflare_rdlv_0": 0.5, "nvflare_rdlv_10": 0.65, "nvflare_rdlv_15": 0.63,
    "nvflare_rdlv_20": 0.39, "nvflare_rdlv_25": 0.0, "nvflare_rdlv_30": -0.03, "breaching_dlg_psnr": 23.41, "breaching_april_psnr": 23.9,
    "breaching_fedavg": 20.78,
}  # fmt: skip
PRINTED = {
    "inverting_batch_100": "−0.77 dB, 51,000 s", "inverting_resnet18": ".122, 2 h", "inverting_resnet152": ".146, 17 h",
    "influence_sample_line": ".01304, 2.716, .0002234, .01557, .9932", "nvflare_round_20": ".69", "nvflare_round_40": ".50",
    "nvflare_round_60": ".42", "nvflare_round_80": ".56", "nvflare_accuracy": ".97, .86", "breaching_wang": "24.06 dB",
    "breaching_imagenet": "14.21 dB", "breaching_modern": "12.04 dB", "breaching_batch_100": "11.20 dB", "breaching_see_through": "13.92 dB",
    "breaching_imprint": "47.08 dB", "breaching_decepticons": ".910", "dager_gpt2": "100 / 30.3", "guo_simulation": "14.85 / 12.22 / 11.03 dB",
    "guo_labels": "22.03, 19.95, 18.36, 14.03 dB", "guo_imprint": "60 / 64, 61 / 64",
}  # fmt: skip
PLACES = {
    "dlg": "iDLG", "idlg": "iDLG", "inverting": "Inverting Gradients notebooks", "breaching": "breaching notebooks", "nvflare": "NVFlare",
    "influence": "influence", "rgap": "R-GAP repository", "dager": "DAGER", "guo": "Guo et al.",
}  # fmt: skip
"""First word of a claim's id -> how its rows of the table of sources begin."""


def test_every_number_is_the_published_one():
    found = {claim.id: claim for claim in claims()}
    tested = {name: claim for name, claim in found.items() if claim.published is not None}
    assert set(tested) == set(TESTED)
    for name, claim in tested.items():
        wanted = TESTED[name]
        low, high = wanted if isinstance(wanted, tuple) else (wanted, None)
        unit = VARIANCE if name.startswith("influence") and claim.metric == "mse" else 1.0
        assert claim.published == pytest.approx(low * unit, rel=1e-3, abs=1e-12), name
        assert claim.upper == (None if high is None else pytest.approx(high * unit, rel=1e-3)), name
    told = {
        name: claim.printed for name, claim in found.items() if claim.source not in UNPRINTED and name not in tested
    }
    assert told == PRINTED


def test_what_is_compared_is_what_was_printed():
    for claim in claims():
        if claim.published is not None and claim.upper is None:
            printed = _numbers(claim.printed)
            assert float(printed[0]) == claim.published, claim.id
            assert claim.statistic == "share" or printed[0].strip("-.") in claim.claim.replace("−", "-"), claim.id


@pytest.mark.skipif(not SOURCES.is_file(), reason="the table of sources is not beside this checkout")
def test_every_printed_number_stands_in_the_table_of_sources():
    rows, system = [], ""
    for line in SOURCES.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) >= 4:
            system = cells[0].removeprefix("〃").strip() if not cells[0].startswith("〃") else system
            rows.append((system, " ".join(cells)))
    for claim in claims():
        if claim.source in UNPRINTED:
            continue
        place = "breaching notebooks" if claim.id == "rgap_cnn6_breaching" else PLACES[claim.id.split("_")[0]]
        held = {number for name, text in rows if name.startswith(place) for number in _numbers(text)}
        assert held and set(_numbers(claim.printed)) <= held, claim.id


def _numbers(text: str) -> list[str]:
    """As they are written, a minus sign made a hyphen; thousands without their comma."""
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", text.replace("−", "-"))
    return re.findall(r"(?<![\d.])-?\d*\.?\d+(?:e-?\d+)?", plain)
