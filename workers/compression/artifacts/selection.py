"""Which of the trained students are delivered, and whether each keeps the budget that it was asked
for with.
"""

from collections.abc import Callable, Sequence

from workers.compression.values import Artifact, Chosen, Scorecard

FIGURES: dict[str, Callable[[Scorecard], float]] = {
    "max_bytes": lambda card: card.bytes,
    "max_macs": lambda card: card.macs or 0,
    "max_latency_ms": lambda card: card.latency_ms["p50"] if card.latency_ms else 0.0,
    "min_top1": lambda card: card.top1,
}
"""A file's figure for each kind of budget."""


def choose(artifacts: Sequence[Artifact], cards: Sequence[Scorecard]) -> list[Chosen]:
    """One student per variant, with all its files: the smallest that keeps ``min_top1``, or the
    most accurate.

    Files that are not delivered are removed.
    """
    students: dict[tuple[str, str], list[Chosen]] = {}
    for artifact, card in zip(artifacts, cards, strict=True):
        variant, name = (artifact.plan.variant, artifact.plan.name) if artifact.plan else ("", "")
        students.setdefault((variant, name), []).append(
            Chosen(artifact, card, _kept(artifact, card))
        )
    chosen: list[Chosen] = []
    for variant in dict.fromkeys(variant for variant, _ in students):
        candidates = [files for (asked, _), files in students.items() if asked == variant]
        best = _best(candidates)
        chosen += best
        for other in candidates:
            if other is not best:
                for each in other:
                    each.artifact.path.unlink()
    return chosen


def _best(candidates: list[list[Chosen]]) -> list[Chosen]:
    able = [files for files in candidates if all(each.kept is not False for each in files)]
    if able:
        return min(able, key=lambda files: files[0].card.bytes)
    small = [
        files
        for files in candidates
        if all(_small_enough(each.artifact, each.card) for each in files)
    ]
    return max(small or candidates, key=lambda files: min(each.card.top1 for each in files))


def _kept(artifact: Artifact, card: Scorecard) -> bool | None:
    """Whether the file keeps its budget; None where none was asked for."""
    if artifact.plan is None or not artifact.plan.budget:
        return None
    return _small_enough(artifact, card) and card.top1 >= artifact.plan.budget.get("min_top1", 0.0)


def _small_enough(artifact: Artifact, card: Scorecard) -> bool:
    asked = artifact.plan.budget or {} if artifact.plan else {}
    return all(FIGURES[key](card) <= most for key, most in asked.items() if key.startswith("max_"))
