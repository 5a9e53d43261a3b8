"""A folder of corrupted images says how they were made, so that a stopped writing goes on and nothing is mixed in."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import write_json
from robustbench_cls.data.locate import TREE_MANIFEST, open_split_or_folder
from robustbench_cls.data.source import ImageSource


def claim(out: Path, content: Mapping[str, object]) -> list[str]:
    """Write the manifest into `out`, and give the corruptions that are already finished there.

    Args:
        content: fields in which two such folders differ: together they say what a folder holds.

    Raises:
        UserError: `out` holds images made otherwise, or other files.
    """
    manifest = out / TREE_MANIFEST
    entries = [entry for entry in out.iterdir() if not entry.name.startswith(".")] if out.is_dir() else []
    if not manifest.exists() and entries:
        raise UserError(f"{out} is not empty and holds no {TREE_MANIFEST}. Choose another --out.")
    if not manifest.exists() or entries == [manifest]:  # nothing was made yet
        write_json(manifest, {**content, "finished": []})
        return []
    try:
        stored = json.loads(manifest.read_text(encoding="utf-8"))
        unlike = [f"{key}: {stored.get(key)} != {value}" for key, value in content.items() if stored.get(key) != value]
        finished = list(stored["finished"])
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{manifest} can't be read ({error}). Choose another --out, or delete it.") from error
    if unlike:
        raise UserError(f"{out} holds other images ({'; '.join(unlike)}). Choose another --out, or delete it.")
    return finished


def finish(out: Path, content: Mapping[str, object], corruptions: Sequence[str]) -> None:
    """Store that these corruptions are whole."""
    write_json(out / TREE_MANIFEST, {**content, "finished": sorted(corruptions)})


def clean_images(data: Path, out: Path) -> ImageSource:
    """The images to corrupt.

    Args:
        data: a data set's root with `val/` or parquet, or one folder of class folders.
        out: the folder of the corrupted ones.

    Raises:
        UserError: there are none, or `out` lies among them.
    """
    source = open_split_or_folder(data)
    if out.resolve().is_relative_to(Path(source.path).resolve()):
        raise UserError(f"{out} lies inside the images, {source.path}, and would become one of their classes. Move it.")
    return source
