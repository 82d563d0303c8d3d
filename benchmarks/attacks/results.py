"""The rows of benchmarks/results/attacks.json, and a table of them."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import results_file
from benchmarks.attacks.groups import GROUPS
from benchmarks.attacks.identities import IDENTITIES
from benchmarks.attacks.outcome import Outcome

RESULTS = Path(__file__).parents[1] / "results" / "attacks.json"
ORDER = [(group, user) for group in GROUPS for user in (*IDENTITIES, "this user")]


def row(group: str, user: str, tried: int, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """An attack without an outcome is not contained."""
    codes = Counter(outcome.code for outcome in outcomes)
    return {
        "group": group,
        "identity": user,
        "tried": tried,
        "contained": sum(outcome.contained for outcome in outcomes),
        "not_contained": {each.name: each.why for each in outcomes if not each.contained},
        "codes": dict(codes.most_common()),
    }


def kept_rows() -> list[dict[str, Any]]:
    if not RESULTS.exists():
        return []
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text())["rows"]
    return found


def keep(rows: list[dict[str, Any]]) -> None:
    """Put these rows into the file in place of older ones of the same group and user."""
    of_place = {place(each): each for each in (*kept_rows(), *rows)}
    ordered = [of_place[each] for each in ORDER if each in of_place]
    distinct = {each["group"]: each["tried"] for each in ordered}
    found = {"distinct_attacks": sum(distinct.values()), "rows": ordered}
    results_file.write(RESULTS, found)


def place(found: dict[str, Any]) -> tuple[str, str]:
    return found["group"], found["identity"]


def table(rows: list[dict[str, Any]]) -> Table:
    drawn = Table("attacks", "the worker runs as", "tried", "contained", "not contained")
    for each in rows:
        names = ", ".join(each["not_contained"]) or "-"
        figures = map(str, (each["tried"], each["contained"]))
        drawn.add_row(each["group"], each["identity"], *figures, names)
    return drawn
