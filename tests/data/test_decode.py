import io
import zlib

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.core.errors import UserError
from robustbench_cls.data.decode import decode_rgb


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


RAMP = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)
COLOUR = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1)


def test_rgb_as_it_is() -> None:
    assert np.array_equal(np.asarray(decode_rgb(encoded(Image.fromarray(COLOUR)), "x")), COLOUR)


def test_greyscale_in_three_channels() -> None:
    pixels = np.asarray(decode_rgb(encoded(Image.fromarray(RAMP)), "x"))
    assert all(np.array_equal(pixels[..., c], RAMP) for c in range(3))


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = RAMP.astype(np.uint16) * 257
    pixels = np.asarray(decode_rgb(encoded(Image.fromarray(deep)), "x"))
    assert np.array_equal(pixels[..., 0], RAMP)


def test_palette_with_transparency() -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0)
    assert np.array_equal(np.asarray(decode_rgb(file.getvalue(), "x")), expected)


def test_cmyk_jpeg() -> None:
    image = Image.fromarray(COLOUR).convert("CMYK")
    data = encoded(image, "JPEG")
    decoded = decode_rgb(data, "x")
    assert decoded.mode == "RGB"
    assert np.array_equal(np.asarray(decoded), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "1"])
def test_alpha_and_bilevel(mode: str) -> None:
    assert decode_rgb(encoded(Image.fromarray(COLOUR).convert(mode)), "x").mode == "RGB"


@pytest.mark.parametrize("data", [b"", b"no image", encoded(Image.fromarray(COLOUR), "JPEG")[:150]])
def test_a_file_that_is_no_image_is_named(data: bytes) -> None:
    with pytest.raises(UserError, match=r"cat/1\.jpg is not a readable image .* Fetch it again"):
        decode_rgb(data, "cat/1.jpg")


def test_truncated_jpeg_is_refused() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(UserError, match="truncated"):
        decode_rgb(encoded(noise, "JPEG")[:-400], "x")


def test_floating_point_is_refused() -> None:
    with pytest.raises(UserError, match="floating-point"):
        decode_rgb(encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"), "x")


@pytest.mark.parametrize("kind", ["AVIF", "ICO", "TGA", "PCX"])
def test_other_formats_are_not_read_whatever_they_are_called(kind: str) -> None:
    with pytest.raises(UserError, match=r"x\.png is not a readable image \(none of JPEG, PNG, WEBP"):
        decode_rgb(encoded(Image.fromarray(COLOUR), kind), "x.png")


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (40_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    bomb = head + zlib.crc32(head[12:]).to_bytes(4, "big") + b"\x00" * 64
    with pytest.raises(UserError, match=r"bomb is not a readable image"):
        decode_rgb(bomb, "bomb")
