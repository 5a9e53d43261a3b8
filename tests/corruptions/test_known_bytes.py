"""The same bytes on every machine: digests of each corruption's output, all severities, both variants.

A digest that changes means that the engine's VERSION must change with it.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robustbench_cls.core.corruption import SEVERITIES, UInt8Image
from robustbench_cls.corruptions.engine import all_corruptions, corrupt

DIGESTS = {
    ("gaussian_noise", "published"): "54b82fd8d9f94f34",
    ("shot_noise", "published"): "cd78429a6ce4e1a0",
    ("impulse_noise", "published"): "e63ab4200b436850",
    ("defocus_blur", "published"): "4bed13a038daa916",
    ("glass_blur", "published"): "09709cd30ec0ea85",
    ("motion_blur", "published"): "81d026ebd43c33bb",
    ("motion_blur", "imagecorruptions"): "a36a47568eaa8e30",
    ("zoom_blur", "published"): "8887da00eec2630e",
    ("snow", "published"): "34723a4c1b090a02",
    ("snow", "imagecorruptions"): "53a7c465b726ab66",
    ("frost", "published"): "e8e331d65c695aa7",
    ("frost", "imagecorruptions"): "28c642340c417eba",
    ("fog", "published"): "8077e2a580a7b1fd",
    ("brightness", "published"): "52213df4153a38f9",
    ("contrast", "published"): "5b6afbb39c986112",
    ("elastic_transform", "published"): "96cf4e762ed2a807",
    ("elastic_transform", "imagecorruptions"): "df50c37e88f5f8c4",
    ("pixelate", "published"): "f73071e19a089af7",
    ("jpeg_compression", "published"): "4b73fcdb8cd16524",
    ("speckle_noise", "published"): "931093998cdf8f76",
    ("gaussian_blur", "published"): "2bffd89f6ae0500e",
    ("spatter", "published"): "87bcceaeb7424699",
    ("saturate", "published"): "a8bfbfe5a24c6da6",
}


def picture() -> UInt8Image:
    """Whole numbers only: a gradient, blocks and noise."""
    y_HW, x_HW = np.mgrid[:72, :64]
    blocks_HW = (y_HW // 12 * 37 + x_HW // 16 * 53) % 160
    noise_HW3 = np.random.default_rng(0).integers(0, 60, (72, 64, 3))
    return (blocks_HW[..., None] + noise_HW3 + np.arange(3) * 12).astype(np.uint8)


def digest(name: str, variant: str) -> str:
    images = [corrupt(picture(), name, severity, image_ids="a.png", seed=1, variant=variant) for severity in SEVERITIES]
    return hashlib.sha256(np.stack(images).tobytes()).hexdigest()[:16]


def test_every_corruption_is_known() -> None:
    wanted = {(name, "published") for name in all_corruptions()}
    wanted |= {(name, "imagecorruptions") for name, corruption in all_corruptions().items() if corruption.as_package}
    assert set(DIGESTS) == wanted


@pytest.mark.parametrize(("name", "variant"), DIGESTS, ids=" ".join)
def test_known_bytes(name: str, variant: str) -> None:
    assert digest(name, variant) == DIGESTS[name, variant]


@pytest.mark.slow
def test_a_processor_without_vector_extensions_gives_the_same_bytes(tmp_path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_known_bytes as known;"
        "print([key for key, value in known.DIGESTS.items() if known.digest(*key) != value])"
    )
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment = {**os.environ, **plain, "OPENCV_IPP": "disabled"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
