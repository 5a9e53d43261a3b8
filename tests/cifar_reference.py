"""CIFAR-10-C by its definition, in plain numpy, scipy, scikit-image, OpenCV and Pillow: slow, and easy to compare with.

Each function takes a uint8 image of 32 x 32 px, one severity's constants and the random numbers that it needs, and
gives the image rounded down to uint8, as the published arrays hold it.

Source: `make_cifar_c.py` of hendrycks/robustness.
"""

import io
from collections.abc import Sequence

import cv2
import numpy as np
import skimage.color
from PIL import Image
from scipy import ndimage

SIDE = 32


def floored(values: np.ndarray) -> np.ndarray:
    """Values 0..1 as levels, rounded down."""
    return np.uint8(np.clip(values, 0, 1) * 255)


def gaussian(values: np.ndarray, sigma: float, mode: str = "nearest", truncate: float = 4.0) -> np.ndarray:
    """scikit-image's filter: each channel is filtered by itself."""
    sigmas = (sigma, sigma, *[0] * (values.ndim - 2))
    return ndimage.gaussian_filter(values, sigmas, mode=mode, truncate=truncate)


def gaussian_noise(image: np.ndarray, sigma: float, normal: np.ndarray) -> np.ndarray:
    return floored(image / 255.0 + sigma * normal)


def speckle_noise(image: np.ndarray, sigma: float, normal: np.ndarray) -> np.ndarray:
    return floored(image / 255.0 + image / 255.0 * (sigma * normal))


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    return floored(gaussian(image / 255.0, sigma))


def glass_blur(image: np.ndarray, constants: tuple[float, int, int], offsets: np.ndarray) -> np.ndarray:
    """`offsets`: 2 x rounds x rows x columns, dx and dy, the bottom right pixel first."""
    sigma, reach, rounds = constants
    shown = np.uint8(gaussian(image / 255.0, sigma) * 255)
    for i in range(rounds):
        for row, y in enumerate(range(SIDE - reach, reach, -1)):
            for column, x in enumerate(range(SIDE - reach, reach, -1)):
                dx, dy = offsets[:, i, row, column]
                shown[y, x] = shown[y + dy, x + dx]  # the original's swap copies one of the two
    return floored(gaussian(shown / 255.0, sigma))


def defocus_blur(image: np.ndarray, constants: tuple[float, float]) -> np.ndarray:
    radius, softness = constants
    across, down = np.meshgrid(np.arange(-8, 9), np.arange(-8, 9))
    disk = (across**2 + down**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), (3, 3), sigmaX=softness)
    channels = [cv2.filter2D(np.ascontiguousarray(image[..., i] / 255.0), -1, kernel) for i in range(3)]
    return floored(np.stack(channels, axis=-1))


def by_imagemagick(picture: np.ndarray, radius: int, sigma: float, degrees: float) -> np.ndarray:
    """Directional blur of levels: one half of a Gaussian, edges continued, rounded to 16 bits and then down."""
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    shifts = [
        np.ceil(steps * part - 0.5).astype(int) for part in (np.sin(np.radians(degrees)), np.cos(np.radians(degrees)))
    ]
    rows, columns = np.indices(picture.shape[:2])
    blurred = np.zeros(picture.shape)
    for weight, down, right in zip(weights, *shifts, strict=True):
        taken = picture[np.clip(rows + down, 0, SIDE - 1), np.clip(columns + right, 0, SIDE - 1)]
        blurred += weight * 257.0 * taken
    return np.uint8(np.floor(blurred + 0.5) / 257)


def motion_blur(image: np.ndarray, constants: tuple[int, float], degrees: float) -> np.ndarray:
    return by_imagemagick(image, *constants, degrees)


def enlarged(values: np.ndarray, zoom: float) -> np.ndarray:
    """The centre, enlarged to the size of the whole."""
    shown = int(np.ceil(SIDE / zoom))
    start = (SIDE - shown) // 2
    middle = values[start : start + shown, start : start + shown]
    large = ndimage.zoom(middle, (zoom, zoom, *[1] * (values.ndim - 2)), order=1)
    rest = (large.shape[0] - SIDE) // 2
    return large[rest : rest + SIDE, rest : rest + SIDE]


def zoom_blur(image: np.ndarray, constants: tuple[float, float]) -> np.ndarray:
    values = (image / 255.0).astype(np.float32)
    zooms = np.arange(1, *constants)
    total = np.zeros_like(values)
    for zoom in zooms:
        total += enlarged(values, zoom)
    return floored((values + total) / (len(zooms) + 1))


def snow(image: np.ndarray, constants: Sequence[float], normal: np.ndarray, degrees: float) -> np.ndarray:
    """`normal`: of the whole image, of which the centre is used."""
    mean, deviation, zoom, threshold, radius, sigma, kept = constants
    layer = enlarged((mean + deviation * normal)[..., None], zoom)[..., 0]
    layer[layer < threshold] = 0
    flakes = by_imagemagick(floored(layer), int(radius), sigma, degrees)[..., None] / 255.0
    values = image.astype(np.float32) / 255.0
    grey = cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)[..., None]
    white = kept * values + (1 - kept) * np.maximum(values, grey * 1.5 + 0.5)
    return floored(white + flakes + np.rot90(flakes, 2))


def frost(image: np.ndarray, constants: tuple[float, ...], photo: np.ndarray, top: int, left: int) -> np.ndarray:
    """`photo`: RGB at its native size."""
    small = cv2.resize(photo, (0, 0), fx=0.2, fy=0.2)
    crop = small[top : top + SIDE, left : left + SIDE]
    return np.uint8(np.clip(constants[0] * image + constants[1] * crop, 0, 255))


def plasma(decay: float, draws: np.ndarray) -> np.ndarray:
    """Diamond-square on a torus of 32 x 32 places, 0..1. Numbers of -1..1 are taken as they come."""
    heights, left = np.zeros((SIDE, SIDE)), draws
    step, noise = SIDE, 100.0
    while step >= 2:
        half, count = step // 2, SIDE // step

        def roughened(total: np.ndarray, scale: float = noise, places: int = count**2) -> np.ndarray:
            nonlocal left
            own, left = left[:places], left[places:]
            return total / 4 + scale**2 * own.reshape(total.shape)

        corners = heights[::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=0)
        centres = roughened(pairs + np.roll(pairs, -1, axis=1))
        heights[half::step, half::step] = centres
        above = centres + np.roll(centres, 1, axis=0) + corners + np.roll(corners, -1, axis=1)
        heights[::step, half::step] = roughened(above)
        beside = centres + np.roll(centres, 1, axis=1) + corners + np.roll(corners, -1, axis=0)
        heights[half::step, ::step] = roughened(beside)
        step, noise = half, noise / decay
    heights -= heights.min()
    return heights / heights.max()


def fog(image: np.ndarray, constants: tuple[float, float], draws: np.ndarray) -> np.ndarray:
    thickness, decay = constants
    values = image / 255.0
    most = values.max()
    return floored((values + thickness * plasma(decay, draws)[..., None]) * most / (most + thickness))


def _in_hsv(image: np.ndarray, channel: int, factor: float, added: float) -> np.ndarray:
    hsv = skimage.color.rgb2hsv(image / 255.0)
    hsv[..., channel] = np.clip(hsv[..., channel] * factor + added, 0, 1)
    return floored(skimage.color.hsv2rgb(hsv))


def brightness(image: np.ndarray, added: float) -> np.ndarray:
    return _in_hsv(image, 2, 1, added)


def saturate(image: np.ndarray, constants: tuple[float, float]) -> np.ndarray:
    return _in_hsv(image, 1, *constants)


def contrast(image: np.ndarray, share: tuple[int, int]) -> np.ndarray:
    values = image / 255.0
    means = values.mean(axis=(0, 1), keepdims=True)
    return floored((values - means) * (share[0] / share[1]) + means)


def elastic_transform(
    image: np.ndarray, constants: Sequence[float], corners: np.ndarray, fields: np.ndarray
) -> np.ndarray:
    """`corners` (3 x 2) and `fields` (2 x 32 x 32, to the right and down) hold numbers of -1..1."""
    height, sigma, tilt, _ = constants
    middle, reach = np.float32([SIDE // 2, SIDE // 2]), SIDE // 3
    before = np.float32([middle + reach, [middle[0] + reach, middle[1] - reach], middle - reach])
    matrix = cv2.getAffineTransform(before, before + np.float32(corners * tilt))
    values = image.astype(np.float32) / 255.0
    tilted = cv2.warpAffine(values, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)
    right, down = (np.float32(gaussian(field, sigma, "reflect", 3) * height) for field in fields)
    rows, columns = np.indices((SIDE, SIDE))
    places = np.stack([rows + down, columns + right])
    moved = [ndimage.map_coordinates(tilted[..., i], places, order=1, mode="reflect") for i in range(3)]
    return floored(np.stack(moved, axis=-1))


def pixelate(image: np.ndarray, share: float) -> np.ndarray:
    small = Image.fromarray(image).resize((int(SIDE * share), int(SIDE * share)), Image.Resampling.BOX)
    return np.array(small.resize((SIDE, SIDE), Image.Resampling.BOX))


def jpeg_compression(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def spatter(image: np.ndarray, constants: Sequence[float], normal: np.ndarray) -> np.ndarray:
    mean, deviation, sigma, threshold, strength, mud = constants
    values = image.astype(np.float32) / 255.0
    layer = gaussian(mean + deviation * normal, sigma)
    layer[layer < threshold] = 0
    if mud:
        cover = gaussian((layer > threshold).astype(np.float32), strength)
        cover = np.where(cover < 0.8, 0, cover)[..., None]
        return floored(values * (1 - cover) + np.array([63, 42, 20]) / 255.0 * cover)
    depth = (layer * 255).astype(np.int64).astype(np.uint8)
    far = np.minimum(cv2.distanceTransform(255 - cv2.Canny(depth, 50, 150), cv2.DIST_L2, 5), 20)
    level = cv2.equalizeHist(cv2.blur(far, (3, 3)).astype(np.uint8))
    lit = cv2.filter2D(level, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    water = depth * cv2.blur(lit, (3, 3)).astype(np.float32)
    share = (water / water.max() * np.float32(strength))[..., None]
    return floored(values + share * np.float32(np.array([175, 238, 238]) / 255.0))
