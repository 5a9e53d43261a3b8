"""Whether a program gives an image the same answer whenever it is asked, and a digest of what it answers.

A network that was traced or exported in training mode normalises by the batch that it is shown, or drops activations
by chance: its accuracy then depends on the batch size, and no error says so.
"""

import hashlib

import numpy as np
import torch

from robustbench_cls.core.errors import UserError
from robustbench_cls.data.sample_photos import photos
from robustbench_cls.models.classifier import Forward

PHOTOS = 4

TOLERANCE = {"float32": 1e-2, "bfloat16": 0.25}
"""By number type: the largest difference between two answers to one photo, in standard deviations of the logits.

Measured, rounding makes up to 1e-5 and 0.05; training mode makes 0.5 and more."""

STEP = 0.1
"""Logits are rounded to this many standard deviations for the digest, far above rounding on any machine."""

CURE = (
    "It seems to be in training mode. Call model.eval() before you trace or export it, or before your function returns "
    "it; a module of your own must hand eval() on to its parts."
)


def known_photos(size: int) -> torch.Tensor:
    """Photos that are always the same, uint8 BHW3. Random pixels would not do: batches of them are all alike."""
    return torch.from_numpy(np.stack([np.asarray(photo) for photo in photos(None, PHOTOS, size)]))


def steady_logits(forward: Forward, images_BHW3: torch.Tensor, name: str, precision: str) -> torch.Tensor:
    """Logits of some images, which are the same when they are asked for again, and for each image alone.

    Raises:
        UserError: they are not.
    """
    with torch.inference_mode():
        together_BC = forward(images_BHW3).cpu()
        again_BC = forward(images_BHW3).cpu()
        alone_BC = torch.cat([forward(images_BHW3[i : i + 1]).cpu() for i in range(len(images_BHW3))])
    spread, most = float(together_BC.std()), TOLERANCE[precision]
    by_chance = float((again_BC - together_BC).abs().max())
    if by_chance > most * spread:
        raise UserError(
            f"{name} gives other logits for the same photos when it is asked again: they differ by {by_chance:.2g}, "
            f"and spread by {spread:.2g}. Something in it draws random numbers, such as dropout. {CURE}"
        )
    by_batch = float((alone_BC - together_BC).abs().max())
    if by_batch > most * spread:
        raise UserError(
            f"{name} gives a photo other logits alone than beside {len(images_BHW3) - 1} others: they differ by "
            f"{by_batch:.2g}, and spread by {spread:.2g}. Its numbers would depend on the batch size. {CURE}"
        )
    return together_BC


def answers_sha256(logits_BC: torch.Tensor) -> str:
    """A SHA-256 hex digest of the likeliest answer to each image and of how far it stands out, without rounding errors.

    On another machine, or another kind of it, it is another one for the same network in about one case of a thousand.
    """
    best = logits_BC.max(dim=1)
    standing_out_B = (best.values - logits_BC.mean(dim=1)) / logits_BC.std()
    steps_B = torch.round(standing_out_B / STEP).to(torch.int64)
    return hashlib.sha256(repr([best.indices.tolist(), steps_B.tolist()]).encode()).hexdigest()
