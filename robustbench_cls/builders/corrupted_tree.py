"""Write an ImageNet-C to disk, in the layout of the published one, for tools that read files.

    OUT/corrupted.json                           which images it was made from, and how
    OUT/<corruption>/<severity>/<class>/<image>  JPEG quality 85

The files hold the pixels that `robust eval` would show a model, so measuring on them gives the same numbers. A file
that exists is whole, and is not made again. The manifest lists a corruption when all of its files are there.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from robustbench_cls.builders.manifest import claim, clean_images, finish
from robustbench_cls.core.corruption import MINIMUM_SIDE, SEVERITIES, Corruption, Variant
from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.core.run import names_sha256
from robustbench_cls.core.suite import IMAGENET_224, Protocol, Suite
from robustbench_cls.core.workers import thread_pool, writing_threads
from robustbench_cls.corruptions.compiling import compile_corruptions
from robustbench_cls.corruptions.engine import corrupt_image, engine_version
from robustbench_cls.corruptions.jpeg import QUALITY, jpeg_file, stored_quality
from robustbench_cls.data.crops import crop_of
from robustbench_cls.data.source import ImageSource

JPEG_SUFFIXES = (".jpg", ".jpeg")


@dataclass(frozen=True)
class TreeOptions:
    """How the clean images are cut and corrupted.

    Attributes:
        resize: shorter side in px before the crop; 0 keeps the stored size.
        crop: side of the centre square in px; 0 takes the whole image.
        limit: number of images, drawn by key; 0 takes all.
    """

    resize: int = IMAGENET_224.resize or 0
    crop: int = IMAGENET_224.crop or 0
    limit: int = 0
    seed: int = 0
    variant: Variant = "published"


def write_corrupted_tree(
    data: Path,
    out: Path,
    corruptions: Sequence[Corruption],
    options: TreeOptions,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int], Callable[[int], object]] = lambda total, done: lambda made: None,
) -> int:
    """Write every missing file of the tree. Called again after it was stopped, it goes on.

    Args:
        data: a data set's root with `val/` or parquet, or one folder of class folders.
        out: the tree's folder, outside `data`.
        jobs: number of threads; None takes one for each core.
        progress: a function of the number of all files and of those already there. It returns a function that is
            called with the number of new files.

    Returns:
        The number of files of these corruptions.

    Raises:
        UserError: there are no images, `out` holds another tree or has no room, or an image is unreadable or under
            32 px (all other images are written first).
    """
    if not stored_quality(options.variant):
        raise UserError(f"Variant {options.variant} has no JPEG files. Write arrays: write_corrupted_arrays.")
    threads = writing_threads(jobs)
    whole = clean_images(data, out)
    source = whole.take(keyed_subset(whole.ids, options.limit, options.seed))
    names = _file_names(source)
    content = _content(source, options)
    made_before = claim(out, content)
    folders = [(c, severity, out / c.name / str(severity)) for c in corruptions for severity in SEVERITIES]
    wanted = [[(c, s, folder / name) for c, s, folder in folders] for name in names]
    missing = [[entry for entry in files if not entry[2].exists()] for files in wanted]
    total = len(names) * len(folders)
    if any(missing):
        compile_corruptions((c, s, options.variant) for c, s, _ in folders)
    advance = progress(total, total - sum(map(len, missing)))

    def make(index: int) -> UserError | None:
        try:
            _write(source, index, missing[index], options)
        except UnusableImageError as error:
            return error
        advance(len(missing[index]))
        return None

    with thread_pool(threads) as pool:
        unusable = [error for error in pool.map(make, range(len(names))) if error]
    if unusable:
        raise UserError(f"{unusable[0]} There are {len(unusable)} such images; all others are written.")
    finish(out, content, sorted({*made_before, *(corruption.name for corruption in corruptions)}))
    return total


def measurable_on(corruptions: Sequence[Corruption], variant: Variant) -> list[Suite]:
    """The suites that finished images of these corruptions have all conditions of."""
    names = {corruption.name for corruption in corruptions}
    suites = discover("robustbench_cls.suites", Suite).values()
    return [s for s in suites if s.corrupts and s.variant == variant and {c.name for c in s.conditions} <= names]


class UnusableImageError(UserError):
    """An image that can't be read, or is too small."""


def _write(
    source: ImageSource, index: int, files: Sequence[tuple[Corruption, int, Path]], options: TreeOptions
) -> None:
    """Cut one image, and store it under each condition."""
    if not files:
        return
    protocol = Protocol(options.resize, options.crop, IMAGENET_224.interpolation)
    try:
        image_HW3 = crop_of(source.data(index), source.name(index), protocol)
    except UserError as error:
        raise UnusableImageError(f"{error} Keep the file name, so that this tree can be finished.") from error
    if min(image_HW3.shape[:2]) < MINIMUM_SIDE:
        raise UnusableImageError(
            f"{source.path}/{source.ids[index]} is {image_HW3.shape[1]} x {image_HW3.shape[0]} px after the crop; "
            f"corruptions take at least {MINIMUM_SIDE}. Leave it out, or give a larger --resize and --crop."
        )
    for corruption, severity, path in files:
        corrupted = corrupt_image(image_HW3, corruption, severity, source.ids[index], options.seed, options.variant)
        with atomic(path) as temporary:
            temporary.write_bytes(jpeg_file(corrupted))


def _file_names(source: ImageSource) -> list[str]:
    """The path of each image below a condition: `<class>/<name>`, plus `.JPEG` where the name has no such ending.

    Raises:
        UserError: two images would have the same path.
    """
    names: dict[str, str] = {}
    for label, image_id in zip(source.labels_N, source.ids, strict=True):
        class_name = source.class_names[label]
        inside = image_id if image_id.startswith(f"{class_name}/") else f"{class_name}/{Path(image_id).name}"
        name = inside if Path(inside).suffix.lower() in JPEG_SUFFIXES else f"{inside}.JPEG"
        if name in names:
            raise UserError(f"{source.path}: {names[name]} and {image_id} would both be written as {name}. Rename one.")
        names[name] = image_id
    return list(names)


def _content(source: ImageSource, options: TreeOptions) -> dict[str, object]:
    """Fields in which two trees differ."""
    return {
        "engine": engine_version(options.variant),
        "jpeg_quality": QUALITY,
        "images": len(source),
        "names_sha256": names_sha256(source.ids),
        **asdict(options),
    }
