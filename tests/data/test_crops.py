import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import IMAGENET_224, Protocol
from robustbench_cls.data.crops import crop, crop_of, fit
from robustbench_cls.data.decode import decode_jpeg, decode_ppm, decode_rgb

SIXTH_ORIENTATION = bytes.fromhex("45786966000049492a0008000000010012010300010000000600000000000000")
"""An EXIF block that asks for a quarter turn."""


def photo(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (224, 224), (100, 160), (257, 1100)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_equal_to_timms_evaluation_transform(size: tuple[int, int], interpolation: str) -> None:
    transform = timm.data.create_transform((3, 224, 224), interpolation=interpolation, crop_pct=0.875)
    resized = transform.transforms[1](transform.transforms[0](photo(*size)))
    own = crop(photo(*size), Protocol(256, 224, interpolation))
    assert np.array_equal(own, np.asarray(resized))


def test_zero_leaves_the_stored_image() -> None:
    image = photo(224, 224)
    assert np.array_equal(crop(image, Protocol(0, 0, "bilinear")), np.asarray(image))


def test_fit_resizes_the_whole_image() -> None:
    image = crop(photo(300, 260), IMAGENET_224)
    assert fit(image, 224, "bilinear") is image
    assert fit(image, 240, "bicubic").shape == (240, 240, 3)


def test_crop_is_writable(tmp_path: Path) -> None:
    crop(photo(300, 260), IMAGENET_224)[0, 0] = 0


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def answer(data: bytes, protocol: Protocol, *, ours: bool) -> tuple[str, object]:
    """The pixels, or the error's message."""
    try:
        pixels = crop_of(data, "cat/1.jpg", protocol) if ours else crop(decode_rgb(data, "cat/1.jpg"), protocol)
    except UserError as error:
        return str(error), None
    return "pixels", (pixels.shape, pixels.tobytes())


def assert_as_pillow(data: bytes, protocol: Protocol) -> None:
    assert answer(data, protocol, ours=True) == answer(data, protocol, ours=False)


PROTOCOLS = [
    IMAGENET_224,
    Protocol(256, 224, "bicubic"),
    Protocol(288, 256, "bilinear"),
    Protocol(0, 0, "bilinear"),
    Protocol(0, 224, "bilinear"),
    Protocol(64, 0, "bicubic"),
    Protocol(40, 75, "bicubic"),
    Protocol(200, 2000, "bilinear"),
    Protocol(100, 80),
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
@pytest.mark.parametrize("size", [(500, 375), (333, 500), (256, 256), (257, 999), (31, 17), (1, 1)])
@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": 0, "quality": 97}, {"subsampling": 1, "progressive": True}, {"keep_rgb": True}],
    ids=["420", "444", "progressive 422", "rgb"],
)
def test_jpeg_files_by_the_fast_way(size: tuple[int, int], options: dict, protocol: Protocol) -> None:
    data = jpeg(photo(*size), **options)
    assert decode_jpeg(data) is not None
    assert_as_pillow(data, protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS[:4], ids=str)
def test_grey_and_turned_photos_by_the_fast_way(protocol: Protocol) -> None:
    grey = jpeg(photo(400, 300).convert("L"))
    turned = jpeg(photo(400, 300), exif=SIXTH_ORIENTATION)
    assert Image.open(io.BytesIO(turned)).getexif()[0x0112] == 6
    for data in (grey, turned):
        assert decode_jpeg(data) is not None
        assert_as_pillow(data, protocol)


WHOLE = jpeg(photo(400, 300))
OTHERS = {
    "cmyk": jpeg(photo(400, 300).convert("CMYK")),
    "png": saved(photo(400, 300), "PNG"),
    "palette": saved(photo(400, 300).quantize(32), "PNG", transparency=0),
    "16 bits": saved(Image.fromarray(np.arange(90000, dtype=np.uint32).astype(np.uint16).reshape(300, 300)), "PNG"),
    "webp": saved(photo(400, 300), "WEBP"),
    "no end marker": WHOLE[:-2],
    "half a file": WHOLE[: len(WHOLE) // 2],
    "header only": WHOLE[:300],
    "first bytes": WHOLE[:3],
    "damaged": WHOLE[:-900] + b"\xff\x42" * 20 + WHOLE[-860:],
    "garbage": b"no image at all",
    "empty": b"",
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("protocol", PROTOCOLS[:4], ids=str)
def test_all_other_files_go_right_or_fail_as_before(name: str, protocol: Protocol) -> None:
    assert decode_jpeg(OTHERS[name]) is None
    assert_as_pillow(OTHERS[name], protocol)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_damage_anywhere_gives_what_it_gave_before(options: dict) -> None:
    whole = jpeg(photo(60, 44), **options)
    rng = np.random.default_rng(0)
    for place in [*range(2, 40), *rng.integers(40, len(whole), 250)]:
        data = bytearray(whole)
        data[place] ^= int(rng.integers(1, 256))
        assert_as_pillow(bytes(data), Protocol(32, 28, "bilinear"))


def test_other_interpolations() -> None:
    for name in ("nearest", "lanczos"):
        assert_as_pillow(WHOLE, Protocol(256, 224, name))
    with pytest.raises(UserError, match="Unknown interpolation 'cubic'"):
        crop_of(WHOLE, "x", Protocol(256, 224, "cubic"))


def test_threads_do_not_disturb_each_other() -> None:
    files = [jpeg(photo(*size)) for size in ((500, 375), (375, 500), (300, 290), (90, 700), (640, 480), (224, 224))]
    expected = [crop(decode_rgb(data, "x"), IMAGENET_224) for data in files]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            found = list(pool.map(lambda data: crop_of(data, "x", IMAGENET_224), files))
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_crop_is_fresh_memory() -> None:
    first = crop_of(WHOLE, "x", IMAGENET_224)
    before = first.copy()
    crop_of(jpeg(photo(300, 300).rotate(90)), "x", IMAGENET_224)
    assert np.array_equal(first, before)
    first[:] = 0
    assert np.array_equal(crop_of(WHOLE, "x", IMAGENET_224), before)


def test_every_real_photo(shared: Path) -> None:
    files = sorted((shared / "data" / "imagenet-mini").rglob("*.JPEG"))
    assert len(files) == 500
    for i, file in enumerate(files):
        data = file.read_bytes()
        assert decode_jpeg(data) is not None, file
        for protocol in PROTOCOLS[: 7 if i % 25 == 0 else 1]:
            pixels = crop(decode_rgb(data, file.name), protocol)
            assert np.array_equal(crop_of(data, file.name, protocol), pixels), (file, protocol)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize(("height", "width", "size"), [(224, 224, 160), (224, 224, 288), (32, 32, 64), (50, 81, 40)])
def test_fit_has_pillows_pixels(height: int, width: int, size: int, interpolation: str) -> None:
    image_HW3 = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pillow = getattr(Image.Resampling, interpolation.upper())
    expected = np.array(Image.fromarray(image_HW3).resize((size, size), pillow))
    np.testing.assert_array_equal(fit(image_HW3, size, interpolation), expected)


def png(height: int, width: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (2, 90), (57, 40), (224, 224)])
def test_crops_of_other_files_than_jpeg_are_pillows(shape: tuple[int, int], interpolation: str) -> None:
    protocol = Protocol(256, 224, interpolation)
    data = png(*shape)
    np.testing.assert_array_equal(crop_of(data, "x", protocol), crop(decode_rgb(data, "x"), protocol))


NARROW = """
import io, resource, sys
import numpy as np
from PIL import Image
from robustbench_cls.core.suite import Protocol
from robustbench_cls.data.crops import crop_of
file = io.BytesIO()
Image.fromarray(np.zeros((60_000, 1, 3), np.uint8)).save(file, "PNG")
crop_of(file.getvalue(), "x", Protocol(256, 224, "bilinear"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(crop_of(file.getvalue(), "x", Protocol(256, 224, "bicubic")).shape, before // 1024)
"""


APART = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
"""Starts it from a small process: on Linux, a process's peak memory is at least that of the one that started it."""


def test_a_very_narrow_image_takes_little_memory() -> None:
    command = [sys.executable, "-c", APART, NARROW]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told[:3] == ["(224,", "224,", "3)"] and int(told[3]) < 1500


def test_a_narrow_image_with_another_filter_is_refused() -> None:
    with pytest.raises(UserError, match=r"bad\.png is 1 x 60000 px and would be resized to 256 x 15360000\. Cut it"):
        crop_of(png(60_000, 1), "bad.png", Protocol(256, 224, "lanczos"))


@pytest.mark.parametrize("shape", [(32, 32), (3, 7), (1, 1)])
def test_ppm_has_the_pixels_of_pillow(shape: tuple[int, int]) -> None:
    height, width = shape
    data = b"P6 %d %d 255\n" % (width, height) + np.random.default_rng(0).bytes(height * width * 3)
    pixels = decode_ppm(data)
    assert pixels is not None
    np.testing.assert_array_equal(pixels.image, np.asarray(decode_rgb(data, "x")))
    np.testing.assert_array_equal(crop_of(data, "x", Protocol(0, 0)), np.asarray(decode_rgb(data, "x")))


@pytest.mark.parametrize(
    "data",
    [
        b"P6 2 2 255\n" + bytes(11),
        b"P6 2 2 255\n" + bytes(13),
        b"P6 2 2 254\n" + bytes(12),
        b"P6 2 2 65535\n" + bytes(24),
        b"P6\n# text\n2 2\n255\n" + bytes(12),
        b"P5 2 2 255\n" + bytes(12),
        b"P6 0 2 255\n",
        b"P6 99999999 99999999 255\n",
    ],
)
def test_other_ppm_files_are_left_to_pillow(data: bytes) -> None:
    assert decode_ppm(data) is None
