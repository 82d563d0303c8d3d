"""The table of all files: printed, written as JSON and plotted."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import results_file
from benchmarks.peers import images, measure, ours, plot
from benchmarks.peers.budget import Budget
from benchmarks.peers.environment import PACKAGES, ROOT
from benchmarks.peers.peer import Peer

VERSIONS = ("tensorflow", "keras", "ai-edge-litert", "numpy")


def publish(peers: Sequence[Peer], budget: Budget, root: Path, runs: Sequence[Path]) -> None:
    """Measure all finished peers and our ``runs``; results with few images stay in ``root``."""
    there = [peer for peer in peers if peer.made(root)]
    subjects = [
        measure.Subject(peer.name, peer.path(root), peer.scaling, peer.minutes(root))
        for peer in there
    ]
    data = images.load()
    test = data.test_images[: budget.test], data.test_labels[: budget.test]
    rows = measure.rows([*subjects, *ours.subjects(runs)], *test)
    _print(rows)
    if missing := [peer.name for peer in peers if peer not in there]:
        print(f"not made yet: {', '.join(missing)}")
    results, drawings = (
        (ROOT / "benchmarks" / "results", ROOT / "docs" / "images")
        if budget.whole
        else (root, root)
    )
    results_file.write(results / "peers.json", {"rows": rows} | _about(budget))
    for path in [results / "peers.json", *plot.top1_over_bytes(rows, drawings)]:
        print(path)


def _print(rows: Sequence[dict[str, Any]]) -> None:
    print(f"{'':26}{'bytes':>11}{'gzip':>11}{'top-1':>9}{'MACs':>9}{'p50 ms':>9}{'minutes':>9}")
    for row in rows:
        minutes = "-" if row["minutes"] is None else f"{row['minutes']:.1f}"
        print(
            f"{'* ' if row['ours'] else '  '}{row['name']:24}"
            f"{row['bytes']:>11,}{row['gzip_bytes']:>11,}"
            f"{row['top1']:>9.2%}{row['macs'] / 1e6:>8.1f}M{row['latency_ms']:>9.3f}{minutes:>9}"
        )
    if any(row["ours"] for row in rows):
        print("* ours")


def _about(budget: Budget) -> dict[str, Any]:
    return {
        "environment": list(PACKAGES),
        "recipe": asdict(budget),
    }
