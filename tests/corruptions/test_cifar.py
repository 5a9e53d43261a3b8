"""The variant of CIFAR-10-C: its constants, and its pictures against the definition under the same random numbers."""

import json
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import cifar_reference
import numpy as np
import pytest
from reference_draws import differences

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.corruptions.engine import all_corruptions

SIDE = cifar_reference.SIDE

IMAGES = 12

SHARES = {
    "gaussian_noise": 0.001,
    "speckle_noise": 0.001,
    "defocus_blur": 0.12,
    "glass_blur": 0.05,
    "motion_blur": 0.002,
    "zoom_blur": 0.02,
    "snow": 0.002,
    "frost": 0.0,
    "fog": 0.001,
    "brightness": 0.01,
    "contrast": 0.0,
    "elastic_transform": 0.001,
    "pixelate": 0.0,
    "jpeg_compression": 0.0,
    "gaussian_blur": 0.05,
    "spatter": 0.001,
    "saturate": 0.06,
}
"""The share of values that may lie a level apart. Most of them are in even areas, where the last bit of the
definition's sums decides; glass blur, which blurs twice, may lose two levels there. Shot and impulse noise are compared
as distributions instead.
"""

Draws = tuple[Any, ...]
"""What `render` takes between the severity and the constants."""


def module_of(name: str) -> ModuleType:
    return import_module(f"robustbench_cls.corruptions.{name}")


def fields(count: int, shape: tuple[int, ...]) -> Callable[..., tuple[Draws, Draws]]:
    """Draw `count` fields of normal numbers, of which ours and the definition take the same."""

    def draw(random: np.random.Generator, image: UInt8Image, constants: Any) -> tuple[Draws, Draws]:
        drawn = tuple(random.normal(size=shape).astype(np.float32) for _ in range(count))
        return drawn, drawn

    return draw


def angle(random: np.random.Generator, image: UInt8Image, constants: Any) -> tuple[Draws, Draws]:
    return (degrees := (random.uniform(-45, 45),)), degrees


def snowfall(random: np.random.Generator, image: UInt8Image, constants: Any) -> tuple[Draws, Draws]:
    normal, degrees = random.normal(size=(SIDE, SIDE)).astype(np.float32), random.uniform(-135, -45)
    centre = module_of("snow").centre(SIDE, constants)
    return (np.ascontiguousarray(normal[centre, centre]), degrees), (normal, degrees)


def shuffles(random: np.random.Generator, image: UInt8Image, constants: Any) -> tuple[Draws, Draws]:
    _, reach, rounds = constants
    shape = (2, rounds, SIDE - 2 * reach, SIDE - 2 * reach)
    return (offsets := (random.integers(-reach, reach, shape).astype(np.int8),)), offsets


def photos(random: np.random.Generator, image: UInt8Image, constants: Any) -> tuple[Draws, Draws]:
    module, number = module_of("frost"), int(random.integers(5))
    place = [int(random.integers(size - SIDE)) for size in module.size_of(number, image, constants.step)]
    return (number, *place), (module._photo(number), *place)


def heights(random: np.random.Generator, image: UInt8Image, constants: Any) -> tuple[Draws, Draws]:
    return (uniform := (random.uniform(-1, 1, SIDE * SIDE - 1).astype(np.float32),)), uniform


def moves(random: np.random.Generator, image: UInt8Image, constants: Any) -> tuple[Draws, Draws]:
    corners, shifts = (random.uniform(-1, 1, shape).astype(np.float32) for shape in ((3, 2), (2, SIDE, SIDE)))
    return (drawn := (corners.astype(float), shifts)), drawn


DRAWS: dict[str, Callable[..., tuple[Draws, Draws]]] = {
    "gaussian_noise": fields(1, (SIDE, SIDE, 3)),
    "speckle_noise": fields(1, (SIDE, SIDE, 3)),
    "spatter": fields(1, (SIDE, SIDE)),
    "motion_blur": angle,
    "snow": snowfall,
    "glass_blur": shuffles,
    "frost": photos,
    "fog": heights,
    "elastic_transform": moves,
}
"""Corruptions that draw, with a function that gives our draws and the definition's."""


def both(name: str, image: UInt8Image, severity: int, number: int) -> tuple[UInt8Image, UInt8Image]:
    """Our picture and the definition's."""
    module, defined = module_of(name), getattr(cifar_reference, name)
    constants = module.CIFAR[severity - 1]
    draw = DRAWS.get(name, lambda *_: ((), ()))
    own, theirs = draw(np.random.default_rng([number, severity]), image, constants)
    return module.render(image, severity, *own, module.CIFAR), defined(image, constants, *theirs)


def compare(name: str, severity: int, images: list[UInt8Image]) -> None:
    pairs = [both(name, image, severity, number) for number, image in enumerate(images)]
    largest, share = differences(*(np.stack(pictures) for pictures in zip(*pairs, strict=True)))
    assert largest <= (2 if name == "glass_blur" else 1) and share <= SHARES[name]


every_severity = pytest.mark.parametrize("severity", SEVERITIES)


@pytest.mark.parametrize("name", SHARES)
@every_severity
def test_pictures_are_those_of_the_definition(name: str, severity: int, photo) -> None:
    compare(name, severity, [photo(SIDE, SIDE, number) for number in range(IMAGES)])


@pytest.mark.parametrize("name", SHARES)
@every_severity
def test_pictures_of_cifar_10_are_those_of_the_definition(name: str, severity: int, cifar) -> None:
    compare(name, severity, cifar)


@every_severity
def test_defocus_blur_keeps_even_areas_as_the_definition_does(severity: int) -> None:
    for level in range(256):
        ours, theirs = both("defocus_blur", np.full((SIDE, SIDE, 3), level, np.uint8), severity, 0)
        np.testing.assert_array_equal(ours, theirs)


def test_shot_noise_takes_levels_as_the_definition_does() -> None:
    module = module_of("shot_noise")
    for photons in module.CIFAR:
        counts = np.arange(2 * photons)
        ours = [module.level(int(count), photons) for count in counts]
        np.testing.assert_array_equal(ours, cifar_reference.floored(counts / photons))


@pytest.mark.parametrize("number", range(5))
def test_photos_of_frost_are_those_that_opencv_makes_smaller(number: int) -> None:
    cv2 = pytest.importorskip("cv2")
    module = module_of("frost")
    smaller = cv2.resize(module._photo(number), (0, 0), fx=0.2, fy=0.2)
    np.testing.assert_array_equal(module._photo(number, 5), smaller)


def plain(constants: Any) -> Any:
    """Constants as the file of facts writes them."""
    return [float(value) for value in constants] if isinstance(constants, tuple) else float(constants)


NOT_IN_THE_FILE = {"zoom_blur": 1, "frost": 2}
"""Corruptions of which the file lists only so many constants a severity, and says the others in words."""


def test_constants_are_those_of_the_original(shared) -> None:
    file = shared / "facts" / "cifar10_c_severities.json"
    if not file.is_file():
        pytest.skip(f"needs the list of constants {file.name} in ../shared/facts, which is not there")
    facts = json.loads(file.read_text())
    for name in all_corruptions():
        if name not in facts:
            continue
        (told,) = (values for key, values in facts[name].items() if isinstance(values, list))
        ours = [plain(constants) for constants in module_of(name).CIFAR]
        if name == "elastic_transform":
            assert {side for *_, side in ours} == {32}
            ours = [[value / 32 for value in constants[:3]] for constants in ours]
        elif name == "contrast":
            ours = [p / q for p, q in ours]
        elif count := NOT_IN_THE_FILE.get(name):
            ours = [constants[:count] if count > 1 else constants[0] for constants in ours]
        np.testing.assert_allclose(ours, told, rtol=1e-12, err_msg=name)
    assert {step for _, step in module_of("zoom_blur").CIFAR} == {0.01}
    assert {1 / step for *_, step in module_of("frost").CIFAR} == {facts["frost"]["texture_scale"]}
