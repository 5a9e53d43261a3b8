"""The noises: the package's picture under the package's draws, and the right distribution under our own."""

import numpy as np
import pytest
from reference_draws import by_package, differences
from scipy.stats import poisson

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import gaussian_noise, impulse_noise, shot_noise, speckle_noise


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("module", [gaussian_noise, speckle_noise], ids=lambda module: module.CORRUPTION.name)
def test_normal_noises_match_under_the_same_draws(module, severity: int, photo):
    image = photo(64, 90)
    theirs, (noise,) = by_package(module.CORRUPTION.name, image, severity)
    normal = (noise / module.SIGMA[severity - 1]).astype(np.float32)
    largest, share = differences(module.render(image, severity, normal), theirs)
    assert largest <= 1 and share < 0.001


@pytest.mark.parametrize("severity", SEVERITIES)
def test_shot_noise_has_the_levels_of_the_package(severity: int, photo):
    image = photo(64, 90)
    theirs, (counts,) = by_package("shot_noise", image, severity)
    ours = np.vectorize(lambda count: shot_noise.level(count, shot_noise.PHOTONS[severity - 1]))(counts)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("constants", [shot_noise.PHOTONS, shot_noise.CIFAR], ids=["published", "cifar"])
@pytest.mark.parametrize("value", [0, 1, 60, 128, 254, 255])
def test_shot_noise_is_poisson(value: int, constants: tuple[int, ...], severity: int):
    every_uniform = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    drawn = shot_noise.render(np.full((256, 256, 1), value, np.uint8), severity, every_uniform, constants)
    photons = constants[severity - 1]
    expected = np.zeros(256)
    for count in range(photons):
        expected[shot_noise.level(count, photons)] += poisson.pmf(count, value / 255 * photons)
    expected[255] += poisson.sf(photons - 1, value / 255 * photons)
    np.testing.assert_allclose(
        np.bincount(drawn.reshape(-1), minlength=256) / 65536, expected, atol=4e-5 if photons < 100 else 1e-4
    )


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_of_cifar_replaces_its_share(severity: int):
    every_uniform = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    drawn = impulse_noise.render(np.full((256, 256, 1), 90, np.uint8), severity, every_uniform, impulse_noise.CIFAR)
    counts = np.bincount(drawn.reshape(-1), minlength=256) / 65536
    amount = impulse_noise.CIFAR[severity - 1]
    np.testing.assert_allclose(counts[[0, 90, 255]], [amount / 2, 1 - amount, amount / 2], atol=2e-5)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_replaces_the_share_that_the_package_does(severity: int):
    every_uniform = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    drawn = impulse_noise.render(np.full((256, 256, 1), 90, np.uint8), severity, every_uniform)
    counts = np.bincount(drawn.reshape(-1), minlength=256) / 65536
    amount = impulse_noise.AMOUNT[severity - 1]
    np.testing.assert_allclose(counts[[0, 90, 255]], [amount / 2, 1 - amount, amount / 2], atol=2e-5)
    grey = np.full((300, 300, 3), 90, np.uint8)
    theirs, _ = by_package("impulse_noise", grey, severity, seed=1)
    shares = np.bincount(theirs.reshape(-1), minlength=256)[[0, 90, 255]] / grey.size
    np.testing.assert_allclose(counts[[0, 90, 255]], shares, atol=0.004)  # four standard errors of their draw


def test_normal_fields_have_the_moments_of_the_normal_distribution():
    from robustbench_cls.corruptions.streams import normals

    normal = normals(Key.of("moments"), (1000, 1000)).astype(float)
    powers = [float((normal**power).mean()) for power in (1, 2, 3, 4)]
    np.testing.assert_allclose(powers, [0, 1, 0, 3], atol=0.02)  # standard errors 0.001 .. 0.01
