"""timm's architectures by name, read from timm's source: importing timm takes seconds."""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from robustbench_cls.core.discovery import did_you_mean
from robustbench_cls.core.errors import UserError
from robustbench_cls.data.label_spaces import timm_folder

DEFINED = re.compile(r"^@register_model\b.*\ndef (\w+)", re.M)
FORMER = re.compile(r"^register_model_deprecations\(__name__, \{(.*?)^\}\)", re.M | re.S)
FORMER_NAME = re.compile(r"""['"](\w+)['"]\s*:""")


@cache
def _names() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Architectures and former names of some, each with the module that defines it."""
    defined: dict[str, str] = {}
    former: dict[str, str] = {}
    for path in (timm_folder() / "models").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        defined.update(dict.fromkeys(DEFINED.findall(text), path.stem))
        for names in FORMER.findall(text):
            former.update(dict.fromkeys(FORMER_NAME.findall(names), path.stem))
    return MappingProxyType(defined), MappingProxyType(former)


def architectures() -> Mapping[str, str]:
    """The names that `timm.list_models()` lists, each with the module of timm that defines it."""
    return _names()[0]


def former_names() -> Mapping[str, str]:
    """Names that timm has given up and still accepts, each with its module."""
    return _names()[1]


def is_architecture(name: str) -> bool:
    """Whether timm itself defines a model of that name, which may end in `.tag`."""
    base, dot, tag = name.partition(".")
    return bool(tag or not dot) and (base in architectures() or base in former_names())


def check_architecture(name: str) -> None:
    """Accept only what timm itself defines; a hub or folder prefix could load anything.

    Raises:
        UserError: timm has no such classifier.
    """
    if not is_architecture(name):
        base = name.partition(".")[0]
        raise UserError(f"timm has no model '{name}'. {did_you_mean(base, architectures())}".rstrip())


def family_of(name: str) -> str:
    """`vit`, `efficientnet` or `resnet`: whose regimen fits, by the timm module that defines it; else `resnet`.

    Raises:
        UserError: timm has no such model.
    """
    check_architecture(name)
    base = name.partition(".")[0]
    module = architectures().get(base) or former_names()[base]
    if "efficientnet" in module or "mobilenet" in module:
        return "efficientnet"
    transformers = ("vision_transformer", "deit", "beit", "eva", "swin", "cait", "xcit", "levit", "maxxvit")
    return "vit" if any(word in module for word in transformers) else "resnet"
