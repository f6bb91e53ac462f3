"""Sample references to pictures: sizes, channels, labels, normalisation, notices."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gi_core import data
from gi_core.data import bundled
from gi_core.settings import Experiment, SpecError
from tests.data.loaded import loaded


@pytest.fixture
def folder(tmp_path):
    for k, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for n in range(3):
            pixels = np.full((20, 30, 3), 40 * n + 100 * k, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{name[0]}{n:04d}.png")
    return tmp_path / "pets"


def test_importing_loads_neither_torch_nor_skimage_nor_streamlit():
    code = (
        "import sys, gi_core.data, gi_core.settings.layer_graphs; from gi_core.settings import Experiment;"
        "from gi_core import data; data.load(Experiment()); data.catalogue();"
        "data.candidates(Experiment(), 20);"
        "print([m for m in ('torch', 'torchvision', 'skimage', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", list(bundled.PICTURES))
def test_bundled_pictures_are_32_pixels_and_labelled_by_name(name):
    pictures = loaded(f"bundled/{name}")
    assert pictures.images.shape[2:] == (32, 32) and pictures.images.dtype == np.float32
    assert 0 <= pictures.images.min() and 0.2 < pictures.images.max() <= 1
    assert pictures.class_names[pictures.labels[0]] == name and pictures.classes == 11
    assert pictures.notices == ()


def test_faces_have_two_classes_and_their_own_size():
    pictures = loaded("bundled/faces:3", "bundled/faces:150")
    assert pictures.images.shape == (2, 1, 25, 25)
    assert pictures.labels.tolist() == [0, 1] and pictures.class_names == ("face", "no face")


def test_patient_carries_a_name():
    patient, retina = (loaded(f"bundled/{name}", size=64).images[0].min(0) for name in ("patient", "retina"))
    for rows in (slice(2, 12), slice(53, 62)):  # white letters above and below, which a retina has not
        assert (patient[rows] > 0.6).sum() > 50 > (retina[rows] > 0.6).sum()


def test_folder_by_stem_by_class_and_stem_and_by_index(folder):
    by_stem = loaded(f"folder:{folder}:d0001")
    assert by_stem.labels.tolist() == [1] and by_stem.class_names == ("cat", "dog")
    assert np.array_equal(by_stem.images, loaded(f"folder:{folder}:dog/d0001").images)
    assert np.array_equal(by_stem.images, loaded(f"folder:{folder}:4").images)  # c0000 c0001 c0002 d0000 d0001
    assert by_stem.images.shape == (1, 3, 20, 20)
    assert by_stem.notices == ("the middle 20x20 of 30x20 is used",)


def test_published_pictures_are_read_exactly(shared_data):
    pictures = loaded(f"folder:{shared_data}/mnist_test:0000")
    assert pictures.images.shape == (1, 1, 28, 28) and pictures.labels.tolist() == [7] and pictures.notices == ()
    file = next(shared_data.glob("mnist_test/7/0000.png"))
    assert np.array_equal(pictures.images[0, 0], np.asarray(Image.open(file), np.float32) / np.float32(255))


def test_upload_by_hash(gi_home):
    content = io.BytesIO()
    Image.new("RGB", (10, 10), (255, 0, 0)).save(content, "PNG")
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    (gi_home / "uploads").mkdir(parents=True)
    (gi_home / "uploads" / digest).write_bytes(content.getvalue())
    pictures = loaded(f"upload:{digest}", labels=(3,))
    assert pictures.images[0, :, 0, 0].tolist() == [1, 0, 0] and pictures.labels.tolist() == [3]
    assert pictures.classes == 10 and pictures.source == "upload"
    with pytest.raises(SpecError, match="upload the file again"):
        loaded("upload:" + "0" * 64)


def test_a_photograph_of_twenty_megapixels_is_resized_with_a_notice(tmp_path):
    path = tmp_path / "large.jpg"
    Image.new("RGB", (5000, 4000), (10, 200, 30)).save(path)
    pictures = loaded(str(path))
    assert pictures.images.shape == (1, 3, 32, 32) and pictures.notices == (
        "the middle 4000x4000 of 5000x4000 is used, resized to 32x32",
    )
    assert np.allclose(pictures.images[0].mean((1, 2)) * 255, (10, 200, 30), atol=3)


@pytest.mark.parametrize(
    ("mode", "value", "channels", "expected"),
    [
        ("1", 1, 1, [1.0]),
        ("L", 51, 1, [0.2]),
        ("I;16", 52428, 1, [0.8]),  # 16 bits are used
        ("I;16", 819, 1, [0.8006]),  # of ten bits
        ("RGBA", (0, 0, 0, 0), 3, [1, 1, 1]),
        ("LA", (0, 0), 1, [1.0]),
        ("P", 0, 3, [0, 0, 0]),
        ("CMYK", (0, 0, 0, 0), 3, [1, 1, 1]),
    ],
)
def test_every_kind_of_picture_becomes_grey_or_colour(tmp_path, mode, value, channels, expected):
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    Image.new(mode, (8, 8), value).save(path)
    images = loaded(str(path)).images
    assert images.shape == (1, channels, 8, 8) and np.allclose(images[0, :, 0, 0], expected, atol=1e-3)


def test_orientation_of_a_phone_photograph_is_followed(tmp_path):
    image = Image.new("L", (8, 8), 0)
    image.paste(255, (0, 0, 8, 4))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "phone.png", exif=exif)
    images = loaded(str(tmp_path / "phone.png")).images
    assert images[0, 0, :4].max() == 0 and images[0, 0, 4:].min() == 1


def test_channels_and_size_follow_the_experiment():
    grey = loaded("bundled/astronaut", channels=1, size=32)
    assert grey.images.shape == (1, 1, 32, 32)
    colour = loaded("bundled/faces:0", channels=3, size=50)
    assert colour.images.shape == (1, 3, 50, 50) and np.array_equal(colour.images[:, 0], colour.images[:, 2])


@pytest.mark.parametrize(
    ("name", "channels", "mean", "std"),
    [
        ("none", 3, (0, 0, 0), (1, 1, 1)),
        ("cifar10", 3, (0.491467, 0.482262, 0.446770), (0.247032, 0.243485, 0.261588)),
        ("mnist", 3, (0.130664,) * 3, (0.308108,) * 3),
        ("imagenet", 1, (0.449,), (0.226,)),
        ("auto", 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_normalisation(name, channels, mean, std):
    pictures = loaded("bundled/coffee", normalise=name, channels=channels)
    assert pictures.mean == pytest.approx(mean) and pictures.std == pytest.approx(std)


def test_candidates_start_with_the_experiments_own_and_do_not_repeat(folder):
    for samples in (
        ("bundled/chelsea",),
        ("bundled/faces:5", "bundled/faces:7"),
        (f"folder:{folder}:c0001",),
    ):
        asked = Experiment(samples=samples)
        own, pool = data.load(asked).images, data.candidates(asked, 60)
        assert pool.shape == (60, *own.shape[1:]) and pool.dtype == np.float32
        assert np.array_equal(pool[: len(own)], own)
        assert len({p.tobytes() for p in pool}) == 60
        assert np.array_equal(pool, data.candidates(asked, 60))


def test_training_sets_hold_out_a_tenth_of_each_class(tmp_path, folder):
    images, labels, test_images, test_labels = data.training_set(None, Experiment(samples=("bundled/faces:0",)))
    assert images.shape == (180, 1, 25, 25) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [90, 90] and np.bincount(test_labels).tolist() == [10, 10]
    assert not {t.tobytes() for t in test_images} & {i.tobytes() for i in images}
    crops = data.training_set("bundled", Experiment(size=8))
    assert crops[0].shape == (1100, 3, 8, 8) and set(crops[3]) == set(range(11))
    _, labels, _, test_labels = data.training_set(
        f"folder:{folder}", Experiment(samples=(f"folder:{folder}:0",), size=8)
    )
    assert sorted(labels) == [0, 0, 1, 1] and sorted(test_labels) == [0, 1]
    np.savez(tmp_path / "set.npz", images=np.zeros((20, 9, 9, 3), np.uint8), labels=np.arange(20) % 2)
    split = data.training_set(f"npz:{tmp_path}/set.npz", Experiment(size=8))
    assert split[0].shape == (18, 3, 8, 8) and len(split[3]) == 2
