"""Durations as one word: ``30d``, ``12h``, ``15m``, ``90s``."""

import re
from datetime import timedelta

import typer

SECONDS_OF_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
WORD = re.compile(r"(\d{1,9})([smhd])")


def duration_of(word: str) -> timedelta:
    """For an option of a command: a usage error in another form."""
    match = WORD.fullmatch(word)
    if match is None:
        raise typer.BadParameter(f"{word!r} is not a duration such as 90s, 15m, 12h or 30d")
    return timedelta(seconds=int(match[1]) * SECONDS_OF_UNIT[match[2]])
