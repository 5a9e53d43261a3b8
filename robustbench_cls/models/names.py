"""timm's architectures by name, and ours, read from the source files: importing timm takes seconds."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError
from robustbench_cls.data.label_spaces import timm_folder

DEFINED = re.compile(r"^@register_model\b.*\ndef (\w+)", re.M)
FORMER = re.compile(r"^register_model_deprecations\(__name__, \{(.*?)^\}\)", re.M | re.S)
FORMER_NAME = re.compile(r"""['"](\w+)['"]\s*:""")


@cache
def _names() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Architectures and former names of some, each with the stem of the file that defines it."""
    defined: dict[str, str] = {}
    former: dict[str, str] = {}
    for path in (*(timm_folder() / "models").glob("*.py"), *Path(__file__).parent.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        defined.update(dict.fromkeys(DEFINED.findall(text), path.stem))
        for names in FORMER.findall(text):
            former.update(dict.fromkeys(FORMER_NAME.findall(names), path.stem))
    return MappingProxyType(defined), MappingProxyType(former)


def architectures() -> Mapping[str, str]:
    """The names that `timm.list_models()` lists once ours are registered, each with the module that defines it."""
    return _names()[0]


def former_names() -> Mapping[str, str]:
    """Names that timm has given up and still accepts, each with its module."""
    return _names()[1]


def is_architecture(name: str) -> bool:
    """Whether timm or this package defines a model of that name, which may end in `.tag`."""
    base, dot, tag = name.partition(".")
    return bool(tag or not dot) and (base in architectures() or base in former_names())


def check_architecture(name: str) -> None:
    """Accept only what timm and this package define; a hub or folder prefix could load anything.

    Raises:
        UserError: timm has no such classifier.
    """
    if not is_architecture(name):
        base = name.partition(".")[0]
        raise UserError(f"timm has no model '{name}'. {did_you_mean(base, architectures())}".rstrip())


FAMILIES = {
    "cifar": ("cifar_",),
    "efficientnet": ("efficientnet", "mobilenet", "ghostnet", "hardcorenas"),
    "swin": ("swin_",),
    "convnext": ("convnext", "metaformer", "inception_next", "mambaout"),
    "coatnet": ("maxxvit", "coat", "nest"),
    "vit": (
        *("vision_transformer", "deit", "beit", "eva", "cait", "xcit", "convit", "crossvit", "tnt", "pit", "volo"),
        *("levit", "mvitv2", "pvt_v2", "twins", "davit", "focalnet", "tiny_vit", "gcvit", "hiera", "nextvit"),
        *("efficientformer", "efficientvit", "edgenext", "fastvit", "mobilevit", "naflexvit", "shvit", "swiftformer"),
        *("vitamin", "visformer", "mlp_mixer", "sequencer", "deepseek_vit", "gemma4_vit", "qwen3_vit", "iformer"),
    ),
}
"""How the names of modules begin, by the family of architectures that they define; the first that fits."""


def family_of(name: str) -> str:
    """The family of architectures whose regimen fits, by the module that defines the model; else `resnet`.

    Raises:
        UserError: timm has no such model.
    """
    check_architecture(name)
    base = name.partition(".")[0]
    module = architectures().get(base) or former_names()[base]
    return next((family for family, begins in FAMILIES.items() if module.startswith(begins)), "resnet")
