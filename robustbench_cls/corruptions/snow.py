"""Snow: streaks of flakes before a whitened scene.

Draws normal noise of mean 0.1, 0.2, 0.55, 0.55, 0.55 and deviation 0.3, enlarges its centre by 3, 2, 4, 4.5, 2.5,
drops what is under 0.5, 0.5, 0.9, 0.85, 0.85, blurs it along a random angle in -135..-45 degrees (Gaussian of 4, 4,
8, 8, 12 px; radius 10, 12, 12, 12, 12 px), and adds the layer and its half turn to the image, of which a share of
0.2, 0.3, 0.3, 0.35, 0.45 is whitened (severity 1..5).

The code that made the published files rounds the layer down before an ImageMagick blur, and cuts it to its centre;
the package blurs floats, rounds after and cuts on the right and at the bottom: at most 2 levels apart inside, up to
81 at borders.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="snow",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("snow", draws="global"),
)
