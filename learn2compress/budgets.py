"""A variant as one word of the command line: ``small:max_bytes=96KiB,min_top1=88%``."""

import re
from decimal import Decimal
from typing import Any

import typer

FORM = "NAME:BUDGET=NUMBER"
EXAMPLE = "small:max_bytes=96KiB"
NUMBER = re.compile(r"(\d+\.?\d*|\.\d+) ?([A-Za-z%]*)", re.ASCII)
UNITS: dict[str, dict[str, str]] = {
    "max_bytes": {"": "1", "B": "1", "KB": "1e3", "MB": "1e6", "KiB": "1024", "MiB": "1048576"},
    "max_macs": {"": "1", "K": "1e3", "M": "1e6", "G": "1e9"},
    "max_latency_ms": {"": "1", "ms": "1", "us": "1e-3"},
    "min_top1": {"": "1", "%": "1e-2"},
    "min_top3": {"": "1", "%": "1e-2"},
    "min_top5": {"": "1", "%": "1e-2"},
}


def parse(text: str) -> dict[str, Any]:
    """The fields of a VariantBudget; raises typer.BadParameter where the word has another form."""
    name, colon, budgets = text.partition(":")
    if not colon:
        raise _unreadable(f"{text!r} is not of the form {FORM},BUDGET=NUMBER")
    limits: dict[str, Any] = {}
    for budget in filter(None, (each.strip() for each in budgets.split(","))):
        key, _, text_of_number = (part.strip() for part in budget.partition("="))
        if key not in UNITS:
            raise _unreadable(f"{key!r} is not a budget; there are {', '.join(UNITS)}")
        if key in limits:
            raise _unreadable(f"{key} is listed twice in {text!r}")
        try:
            limits[key] = number(key, text_of_number)
        except ValueError as error:
            raise _unreadable(error) from None
    return {"name": name.strip(), **limits}


def number(key: str, text: str) -> Decimal:
    """The exact number in bytes, MACs, milliseconds or as a share; any case of a unit will do.

    Raises ValueError for another form.
    """
    units = {unit.lower(): factor for unit, factor in UNITS[key].items()}
    match = NUMBER.fullmatch(text)
    if match is None or match[2].lower() not in units:
        units_of_key = ", ".join(filter(None, UNITS[key]))
        raise ValueError(f"{key}={text!r} is not a number, plain or in {units_of_key}")
    return Decimal(match[1]) * Decimal(units[match[2].lower()])


def _unreadable(why: object) -> typer.BadParameter:
    return typer.BadParameter(f"{why}. For example: {EXAMPLE}", param_hint="--variant")
