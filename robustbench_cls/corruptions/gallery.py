"""The gallery: one photo under every corruption at every severity, in one picture."""

from typing import TYPE_CHECKING

import numpy as np

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import MINIMUM_SIDE, SEVERITIES
from robustbench_cls.core.errors import UserError
from robustbench_cls.corruptions.engine import all_corruptions, corrupt_image

if TYPE_CHECKING:
    from PIL import Image

SIZE = 224
"""Side in px at which the photo is corrupted: that of ImageNet-C."""

GAP, LABEL, MIDDLE, HEADER = 4, 132, 16, 24
"""Pixels between two pictures, for the names on the left, between the two blocks, and for the severities on top."""


def gallery(photo: "Image.Image", side: int = 96, seed: int = 0) -> "Image.Image":
    """Draw two blocks of rows: one corruption in each row, severities 1 to 5 from left to right, `side` px each.

    The photo's centre square is corrupted at 224 px and made smaller afterwards.

    Raises:
        UserError: `side` is under 32 px.
    """
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    if side < MINIMUM_SIDE:
        raise UserError(f"A picture of the gallery must be at least {MINIMUM_SIDE} px wide, got {side}.")
    image_HW3: UInt8Image = np.array(ImageOps.fit(photo.convert("RGB"), (SIZE, SIZE)))
    names = [*all_corruptions(), "clean"]
    rows = -(-len(names) // 2)
    block = LABEL + len(SEVERITIES) * (side + GAP)
    page = Image.new("RGB", (2 * block + MIDDLE, HEADER + rows * (side + GAP)), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(13)
    for place, name in enumerate(names):
        left, top = place // rows * (block + MIDDLE), HEADER + place % rows * (side + GAP)
        draw.text((left + GAP, top + side // 2), name.replace("_", " "), "black", font, anchor="lm")
        for severity in SEVERITIES if name != "clean" else (1,):
            x = left + LABEL + (severity - 1) * (side + GAP)
            shown = image_HW3
            if name != "clean":
                shown = corrupt_image(image_HW3, all_corruptions()[name], severity, "gallery", seed)
            page.paste(Image.fromarray(shown).resize((side, side), Image.Resampling.LANCZOS), (x, top))
            if place % rows == 0:
                draw.text((x + side // 2, HEADER // 2), str(severity), "black", font, anchor="mm")
    return page
