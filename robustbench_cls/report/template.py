"""Filling in the page's templates; whatever comes from a run is escaped."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from robustbench_cls.report.values import thousands


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("robustbench_cls.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["spaced"] = lambda name: str(name).replace("_", " ")
    environment.filters["thousands"] = thousands
    return environment


def fill(template: str, **context: Any) -> str:
    """The HTML of a template in `templates/`, with autoescape on."""
    return _environment().get_template(template).render(**context)
