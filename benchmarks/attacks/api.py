"""Hostile requests to a real API over real sockets; after each it must answer as before."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.attacks.api_framing import FRAMING
from benchmarks.attacks.api_inputs import OTHERS, VALUES
from benchmarks.attacks.api_requests import Attempt
from benchmarks.attacks.api_site import Site, site
from benchmarks.attacks.outcome import Outcome

REQUESTS: tuple[Attempt, ...] = (*FRAMING, *VALUES, *OTHERS)
MOST_MIB = 64.0
"""By which the API's memory may grow in all."""


def attack_all(folder: Path) -> Iterator[Outcome]:
    """Every attack on one server, in order."""
    with site(folder) as running:
        # What the first requests load is no growth.
        running.answers()
        before = running.resident_mib()
        for each in REQUESTS:
            yield one(running, each, before)


def one(running: Site, each: Attempt, before: float) -> Outcome:
    answer = each.send(running)
    problems = []
    if answer not in each.expected:
        problems.append(f"{answer} instead of {' or '.join(each.expected)}")
    if not running.answers():
        problems.append("/healthz does not answer afterwards")
    grown = running.resident_mib() - before
    if grown > MOST_MIB:
        problems.append(f"the API's memory has grown by {grown:.0f} MiB")
    return Outcome(each.name, answer, "; ".join(problems))
