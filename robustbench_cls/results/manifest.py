"""The manifests of stored runs: starting a run's folder, taking it up again, and finding runs on disk."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import write_json
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.records import as_record, from_record
from robustbench_cls.core.run import Circumstances, RunIdentity
from robustbench_cls.core.suite import Suite
from robustbench_cls.results.faults import contradictions
from robustbench_cls.results.format_2 import upgraded
from robustbench_cls.results.store import MANIFEST, StoredRun

FORMAT = 3

_SHA256 = "sha256"


@dataclass(frozen=True)
class _Manifest:
    """The content of `run.json`."""

    identity: RunIdentity
    suite: Suite
    imagenet: bool
    origin: Origin
    circumstances: Circumstances
    class_names: tuple[str, ...]


def open_run(run: StoredRun) -> StoredRun:
    """Start the run's folder, or take up what an earlier start left there.

    Raises:
        UserError: the folder holds another run; the message says what differs.
    """
    manifest = run.folder / MANIFEST
    if manifest.exists():
        stored = read_run(run.folder)
        differences = stored.identity.differences(run.identity)
        if stored.all_conditions != run.all_conditions:
            differences.append(f"conditions: {len(stored.all_conditions)} other ones")
        if stored.suite.labels != run.suite.labels:
            differences.append(f"labels: {stored.suite.labels} != {run.suite.labels}")
        before, now = stored.circumstances.data, run.circumstances.data
        if stored.identity.data_fingerprint != run.identity.data_fingerprint and before != now:
            differences.append(f"images: {before} != {now}")
        if differences:
            raise UserError(
                f"{run.folder} holds another run ({'; '.join(differences)}). Choose another --out, or delete it."
            )
        if as_record(stored.suite) != as_record(run.suite):  # other measures or groups of the same conditions
            _write_manifest(replace(stored, suite=run.suite))
        return run
    if run.folder.is_dir() and any(not entry.name.startswith(".") for entry in run.folder.iterdir()):
        raise UserError(f"{run.folder} is not empty and holds no {MANIFEST}. Choose another --out.")
    _write_manifest(run)
    return run


def require_same(folder: Path, limit: int, seed: int) -> None:
    """Refuse a folder that holds a run of other images or another seed: now, and not after the model was prepared.

    Raises:
        UserError: it does, or its manifest can't be read.
    """
    if not (folder / MANIFEST).exists():
        return
    stored = read_run(folder).identity
    differences = stored.differences(replace(stored, limit=limit, seed=seed))
    if differences:
        raise UserError(f"{folder} holds another run ({'; '.join(differences)}). Choose another --out, or delete it.")


def require_same_pixels(run: StoredRun, pixels: Mapping[str, str]) -> None:
    """Note the checksums of decoded images in a run's manifest, and compare them with those noted at earlier starts.

    Raises:
        UserError: images have changed since, in a way that no fingerprint sees.
    """
    stored = read_run(run.folder)
    known = dict(stored.circumstances.pixels)
    if any(known.get(place, checksum) != checksum for place, checksum in pixels.items()):
        raise UserError(
            f"Images in {run.circumstances.data} have changed since the results in {run.folder} were begun: they "
            "decode to other pixels. Put the old images back, or choose another --out."
        )
    if not pixels.keys() <= known.keys():
        noted = tuple(sorted({**known, **pixels}.items()))
        _write_manifest(replace(stored, circumstances=replace(stored.circumstances, pixels=noted)))


def _write_manifest(run: StoredRun) -> None:
    about = _Manifest(run.identity, run.suite, run.imagenet, run.origin, run.circumstances, run.class_names)
    content = {"format": FORMAT, **as_record(about)}
    write_json(run.folder / MANIFEST, {**content, _SHA256: _sha256(content)})


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_run(folder: Path) -> StoredRun:
    """The run in `folder`, which holds a `run.json`.

    Raises:
        UserError: it can't be read, was edited, or is of another version.
    """
    manifest = folder / MANIFEST
    try:
        content = dict(json.loads(manifest.read_text(encoding="utf-8")))
        if (told := content.pop(_SHA256, "")) and told != _sha256(content):
            raise UserError(
                f"{manifest} was edited after it was written, so it may no longer say what was measured. Put the "
                "original back, or evaluate again into another --out."
            )
        written = content.pop("format")
        if written not in (2, FORMAT):
            raise UserError(f"{manifest} has format {written!r}, this version 2 and {FORMAT}. Update the package.")
        about = from_record(_Manifest, content if written == FORMAT else upgraded(content), str(manifest))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{manifest} is not a run of this program ({error}). Evaluate again into another --out."
        ) from error
    if reason := next(contradictions(about.suite, about.identity), ""):
        raise UserError(f"{manifest} says what can't be: {reason}. Put the original back, or evaluate again.")
    return StoredRun(
        folder, about.identity, about.suite, about.imagenet, about.origin, about.circumstances, about.class_names
    )


def find_runs(path: Path) -> list[StoredRun]:
    """Every run in `path` or in the folders below it, in the order of their paths; other programs' `run.json` are not.

    Raises:
        UserError: there is none, or one can't be read.
    """
    manifests = sorted(p for p in path.rglob(MANIFEST) if p.is_file()) if path.is_dir() else []
    own = [manifest for manifest in manifests if not _foreign(manifest)]
    if not own:
        training = next(iter(sorted(path.rglob("best.pt"))), None) if path.is_dir() else None
        cure = f"Measure the model first: robust eval --suite imagenet {training}" if training else ""
        raise UserError(f"No results in {path}: expected a folder that `robust eval` wrote. {cure}".rstrip())
    return [read_run(manifest.parent) for manifest in own]


def _foreign(manifest: Path) -> bool:
    """True where the file is sound JSON, but not about a run of this program."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return not (isinstance(content, dict) and "identity" in content)
