"""Hostile code, models, archives, images and requests, as each user that a worker may run as.

    python -m benchmarks.attacks [--group "model door"] [--identity "a normal user"]

Run as root it becomes the other users, with setpriv; otherwise it measures the user that it is.
Writes benchmarks/results/attacks.json; exit code 1 when an attack was not contained.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.attacks import groups
from benchmarks.attacks.identities import IDENTITIES, ROOT, attack_as
from benchmarks.attacks.outcome import Outcome
from benchmarks.attacks.results import keep, kept_rows, row, table

SANDBOX = "sandbox"
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--group", choices=groups.GROUPS, help="only this one")
    parser.add_argument("--identity", choices=IDENTITIES, help="only this user")
    parser.add_argument("--inside", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        groups.run(options.group, *options.inside)
        return 0
    chosen = [options.group] if options.group else list(groups.GROUPS)
    rows = attack(chosen, identities(options.identity))
    keep(rows)
    Console().print(table(kept_rows()))
    return int(any(each["contained"] < each["tried"] for each in rows))


def identities(only: str | None) -> dict[str, Sequence[str]]:
    if os.geteuid() != 0:
        return {"this user": ()}
    return {name: IDENTITIES[name] for name in IDENTITIES if only in (None, name)}


def attack(chosen: list[str], users: dict[str, Sequence[str]]) -> list[dict[str, Any]]:
    from benchmarks.attacks.catalogue import count, write_files

    rows = []
    with tempfile.TemporaryDirectory(prefix="l2c-attacks-") as name, Progress(*COLUMNS) as bars:
        folder = Path(name)
        folder.chmod(0o777)
        write_files(chosen, folder / groups.FILES)
        for user, group in pairs(users, chosen):
            bar = bars.add_task(f"{group}, {user}", total=count(group))
            outcomes = []
            for outcome in attack_as(users[user], group, folder):
                outcomes.append(outcome)
                bars.advance(bar)
                tell(bars, user, group, outcome)
            rows.append(row(group, user, count(group), outcomes))
    return rows


def pairs(users: Iterable[str], chosen: Sequence[str]) -> list[tuple[str, str]]:
    """Which user tries which group: root, which has more rights than any other, the sandbox."""
    found = [(user, group) for user in users for group in chosen]
    return [(user, group) for user, group in found if user != ROOT or group == SANDBOX]


def tell(bars: Progress, user: str, group: str, outcome: Outcome) -> None:
    if not outcome.contained:
        bars.console.print(f"not contained: {group}, {user}: {outcome.name}: {outcome.why}")


if __name__ == "__main__":
    sys.exit(main())
