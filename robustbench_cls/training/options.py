"""`TrainingOptions` and their checks, all of them before PyTorch is imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from types import MappingProxyType

from robustbench_cls.core.discovery import did_you_mean, require_name
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import CROPS, RUNS, require_writable
from robustbench_cls.core.recipe import Recipe, Setting
from robustbench_cls.core.workers import loading_workers
from robustbench_cls.data.locate import DEFAULT_TRAIN, find_split
from robustbench_cls.models.choices import check_device
from robustbench_cls.models.names import family_of
from robustbench_cls.training.regimens import settle

PUBLISHED = "published"
"""Begin with the weights that timm fetches."""

TRACKERS = ("tensorboard", "wandb", "mlflow")
"""Programs that may show a training's numbers; each is an extra of that name."""

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class TrainingOptions:
    """All that a training can be told beside model and recipe; `identity` fields decide the weights.

    Attributes:
        data: a data set's root with `train/` and `val/`; None for `datasets/imagenet`.
        overrides: values by setting, as `--set` gives them: `{"epochs": 4}`.
        precision: `float32`, `bfloat16`, `float16` or `auto`.
        limit: train on this many keyed images of the training set; 0 for all.
        start: weights to begin with: a file, or `published` for timm's; random ones where empty.
        name: of the run and its model in reports; `<model>-<recipe>-s<seed>` where empty.
        out: the run's folder; None for `reports/runs/<name>`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        workers: processes that load images; None for one a core, 0 for none but the caller's.
        crops: folder that keeps the held-out images, cut as for evaluation; None for none.
        trackers: names in `TRACKERS` that get the numbers of each epoch as well.
        alone: train in this process alone, though torchrun may have started several.
    """

    data: str | Path | None = field(default=None, metadata={"side": "identity"})
    overrides: Mapping[str, Setting] = field(
        default_factory=lambda: MappingProxyType({}), metadata={"side": "identity"}
    )
    seed: int = field(default=0, metadata={"side": "identity"})
    precision: str = field(default="auto", metadata={"side": "identity"})
    limit: int = field(default=0, metadata={"side": "identity"})
    start: str | Path = field(default="", metadata={"side": "identity"})
    name: str = field(default="", metadata={"side": "runtime"})
    out: str | Path | None = field(default=None, metadata={"side": "runtime"})
    device: str = field(default="auto", metadata={"side": "runtime"})
    workers: int | None = field(default=None, metadata={"side": "runtime"})
    crops: str | Path | None = field(default=CROPS, metadata={"side": "runtime"})
    trackers: Sequence[str] = field(default=(), metadata={"side": "runtime"})
    alone: bool = field(default=False, metadata={"side": "runtime"})
    progress: bool = field(default=True, metadata={"side": "runtime"})

    def check(self, model: str, recipe: Recipe) -> None:
        """Find mistakes that show before PyTorch is imported.

        Raises:
            UserError: an unknown model, setting, precision or device, a value out of range, a split that is not there,
                or an output folder that can't be written.
        """
        _check_types(self.seed, self.overrides)
        settle(recipe, family_of(model), self.overrides)
        require_name(recipe.name, "recipe")
        require_name(self.run_name(model, recipe), "training" if self.name else "training (model, recipe and seed)")
        loading_workers(self.workers)
        find_split(self.root, "train")
        if self.limit < 0:
            raise UserError(f"--limit must be at least 0, got {self.limit}.")
        check_device(self.device)
        if self.precision not in PRECISIONS:
            raise UserError(f"Unknown precision '{self.precision}'. Known: {', '.join(PRECISIONS)}.")
        for name in self.trackers:
            if name not in TRACKERS:
                raise UserError(f"Unknown tracker '{name}'. {did_you_mean(name, TRACKERS)}")
        require_writable(self.folder(model, recipe))

    @property
    def root(self) -> Path:
        """The root of the data set."""
        return Path(self.data) if self.data is not None else DEFAULT_TRAIN

    def run_name(self, model: str, recipe: Recipe) -> str:
        """The run's name, which is also the trained model's."""
        return self.name or f"{model}-{recipe.name}-s{self.seed}"

    def folder(self, model: str, recipe: Recipe) -> Path:
        """The run's folder."""
        return Path(self.out) if self.out is not None else RUNS / self.run_name(model, recipe)


def _check_types(seed: object, overrides: object) -> None:
    """Refuse what Python callers may give by mistake: it would train to the end, and then be unreadable."""
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise UserError(f"seed must be a whole number, got {seed!r:.60}.")
    if not isinstance(overrides, Mapping) or not all(isinstance(name, str) for name in overrides):
        raise UserError(f'overrides must be values by setting, as {{"epochs": 4}}, got {overrides!r:.60}.')
