"""Limits as one word of the command line: ``10GB``, ``500``, ``0`` or ``default``."""

import re

import typer

from service.contract.account_views import AccountView, Limits

DEFAULT = "default"
NUMBER = re.compile(r"(\d{1,15})([a-z]*)", re.ASCII)
FACTORS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
FACTORS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
LARGEST = 2**53


def limit_option(name: str) -> typer.models.OptionInfo:
    """The option that sets the limit ``name``."""
    units = ", with a unit such as 10GB" if name.endswith("bytes") else ""
    fields = Limits.model_fields if name in Limits.model_fields else AccountView.model_fields
    about = fields[name].description
    option: typer.models.OptionInfo = typer.Option(
        metavar="NUMBER", help=f"{about} A number{units}, 0 (no limit) or default."
    )
    return option


def limit_of(word: str) -> int | None:
    """None for ``default``; a usage error in another form."""
    if word == DEFAULT:
        return None
    match = NUMBER.fullmatch(word.lower())
    number = int(match[1]) * FACTORS.get(match[2], LARGEST + 1) if match else LARGEST + 1
    if number > LARGEST:
        raise typer.BadParameter(f"{word!r} is not a limit such as 500, 10GB, 0 or default")
    return number
