"""DICOM files: the values as measured, the file's window, and one sentence for what cannot be read."""

from __future__ import annotations

import builtins
import io

import numpy as np
import pytest

from gi_core.data.opening import decode
from gi_core.data.views import split
from gi_core.settings import SpecError

pydicom = pytest.importorskip("pydicom")
CT = "1.2.840.10008.5.1.4.1.1.2"


def _dicom(values: np.ndarray, *, compressed: str | None = None, **more) -> bytes:
    """A file of values (H, W), (frames, H, W) or (H, W, 3)."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CT, generate_uid()
    meta.TransferSyntaxUID = compressed or ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = CT, meta.MediaStorageSOPInstanceUID
    colour = values.ndim == 3 and values.shape[2] == 3
    data.Rows, data.Columns = values.shape[:2] if colour or values.ndim == 2 else values.shape[1:]
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    if values.ndim == 3 and not colour:
        data.NumberOfFrames = len(values)
    data.BitsAllocated = data.BitsStored = values.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    for name, value in more.items():
        setattr(data, name, value)
    file = io.BytesIO()
    if compressed and compressed.endswith(".1.99"):
        data.save_as(file, enforce_file_format=True)
    else:
        pydicom.dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()


STORED = (np.arange(64).reshape(8, 8) * 50).astype(np.int16)
CT_VALUES = {"RescaleSlope": 1, "RescaleIntercept": -1024}


def test_hounsfield_units_are_shown_by_the_files_window():
    found = decode(_dicom(STORED, **CT_VALUES, WindowCenter=[40, 400], WindowWidth=[400, 1500]), "a")
    units = STORED.astype(float) - 1024
    wanted = np.clip((units - (39.5 - 199.5)) / 399, 0, 1)  # PS3.3 C.11.2.1.2
    assert np.abs(found.pixels / 255 - wanted).max() <= 0.51 / 255
    assert found.notices[0].startswith(
        "values from -160 to 239 are shown as black to white (window 40/400 of the file); "
    )
    assert found.written == (8, 8)


def test_without_a_window_all_values_are_shown_and_it_is_said():
    found = decode(_dicom(STORED, **CT_VALUES), "a")
    assert found.pixels[0, 0] == 0 and found.pixels[-1, -1] == 255
    assert found.notices == ("values from -1024 to 2126 are shown as black to white (its minimum and maximum)",)
    assert decode(_dicom(STORED.astype(np.uint16)), "a").notices == (
        "values from 0 to 4095 are shown as black to white (12 bits)",
    )


def test_a_person_sets_the_window_in_the_files_own_units():
    view = split("a#window=0/100")[1]
    found = decode(_dicom(STORED, **CT_VALUES, WindowCenter=40, WindowWidth=400), "a", view)
    wanted = np.clip((STORED - 1024.0 + 50) / 100, 0, 1)
    assert np.abs(found.pixels / 255 - wanted).max() <= 0.51 / 255


def test_padding_does_not_widen_the_window():
    values = STORED.copy()
    values[0] = -2000
    found = decode(_dicom(values, PixelPaddingValue=-2000), "a")
    assert found.notices[0].startswith("values from 0 to 4095") and found.pixels[0].max() == 0


def test_monochrome1_is_turned_over():
    for values in (STORED, (STORED // 13).astype(np.uint8)):
        plain = decode(_dicom(values), "a").pixels.astype(int)
        turned = decode(_dicom(values, PhotometricInterpretation="MONOCHROME1"), "a").pixels.astype(int)
        assert np.abs(plain + turned - 255).max() <= 1


def test_colour_and_eight_bits_are_as_they_are():
    colour = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    found = decode(_dicom(colour), "a")
    assert np.array_equal(found.pixels, colour) and found.notices == ()
    grey = colour[..., 0].copy()
    assert np.array_equal(decode(_dicom(grey), "a").pixels, grey)


def test_of_several_frames_the_first_is_taken_and_it_is_said():
    found = decode(_dicom(np.stack([STORED, STORED[::-1]])), "a")
    assert found.notices[0] == "it holds 2 frames, of which the first is taken"
    assert found.pixels[0, 0] == 0 and found.pixels.shape == (8, 8)


def test_run_length_encoding_is_read():
    from pydicom.uid import RLELossless

    data = pydicom.dcmread(io.BytesIO(_dicom(STORED)))
    data.compress(RLELossless)
    file = io.BytesIO()
    data.save_as(file)
    assert np.array_equal(decode(file.getvalue(), "a").pixels, decode(_dicom(STORED), "a").pixels)


def _refusal(content: bytes) -> str:
    with pytest.raises(SpecError) as refused:
        decode(content, "scan.dcm")
    assert "\n" not in str(refused.value) and "scan.dcm" in str(refused.value)
    return str(refused.value)


def test_what_cannot_be_read_is_one_sentence():
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGLSLossless

    frame = encapsulate([b"\xff\xd8\xff\xf7" + bytes(60)])
    packed = _dicom(STORED, compressed=JPEGLSLossless, PixelData=frame)
    assert "compressed as JPEG-LS" in _refusal(packed) and "uncompressed" in _refusal(packed)
    whole = _dicom(STORED)
    assert "damaged" in _refusal(whole[:-40])
    assert "readable picture" in _refusal(whole[:200]) or "without a picture" in _refusal(whole[:200])
    assert "more than 100 megapixels" in _refusal(_dicom(STORED, Rows=60000, Columns=60000))
    assert "unusual kind" in _refusal(_dicom(STORED, SamplesPerPixel=60000))
    assert "no pixels" in _refusal(_dicom(STORED, Rows=0))
    assert "deflated" in _refusal(whole[:132] + b"1.2.840.10008.1.2.1.99" + whole[132:])


def test_without_the_extra_the_command_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "pydicom":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    content = _dicom(STORED)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SpecError, match="python -m pip install -r requirements-dicom.txt"):
        decode(content, "scan.dcm")
