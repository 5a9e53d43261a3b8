"""Figures as SVG inside the page, the same bytes each time, and colours that everyone can tell apart."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's palette, told apart under every common colour vision deficiency; yellow is too pale here."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

INK = "#2b333b"

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a model may be called `$x`
    "axes.edgecolor": "#8a94a0",
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "xtick.color": "#8a94a0",
    "ytick.color": "#8a94a0",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


@contextmanager
def style(salt: str) -> Iterator[None]:
    """The look of the page's figures; `salt` makes the SVG ids its own and the same each time."""
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": salt}):
        yield


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element for HTML, shrinking with the page: no date, no prolog, no addresses."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Creator": None, "Date": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    head, _, body = text.partition(">")
    kept = [part for part in head.split(" ") if not part.startswith(("xmlns", "width=", "height="))]
    widest = f"max-width:{figure.get_figwidth():.2f}in"
    return f'{" ".join(kept)} style="{widest}" aria-hidden="true">{body}'


def shade(fraction: float, scale: str) -> tuple[str, str]:
    """Background and text colour of a cell at 0..1 of a matplotlib colour scale; the text is the more readable."""
    red, green, blue, _ = matplotlib.colormaps[scale](min(1.0, max(0.0, fraction)))
    background = to_hex((red, green, blue))
    dark = luminance(background)
    return background, "#ffffff" if 1.05 / (dark + 0.05) > (dark + 0.05) / 0.05 else "#000000"


def luminance(colour: str) -> float:
    """Relative luminance 0..1 of `#rrggbb`.

    Source: WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
