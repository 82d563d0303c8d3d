"""Chooses the students to deliver, and checks whether each file keeps its budget."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from workers.compression.student_values import Artifact, Budget, Chosen, Scorecard

FIGURES: dict[str, Callable[[Scorecard], float]] = {
    "max_bytes": lambda card: card.bytes,
    "max_macs": lambda card: card.macs or 0,
    "max_latency_ms": lambda card: card.p50 or 0.0,
    "min_top1": lambda card: card.top1,
    "min_top3": lambda card: card.top3,
    "min_top5": lambda card: card.top5,
}
"""The figure of a file that each limit is about."""

Files = list[Chosen]
"""All files of one student."""


def choose(artifacts: Sequence[Artifact], cards: Sequence[Scorecard]) -> list[Chosen]:
    """One student per variant with all of its files, in the order of ``artifacts``.

    Of several candidates that is the smallest that keeps its budget; if none does, the most
    accurate one. The files of the others are removed, and the chosen files get the names of their
    rows.
    """
    chosen: list[Chosen] = []
    for candidates in _by_variant(artifacts, cards):
        best = _best(candidates)
        for other in candidates:
            if other is not best:
                _remove(other)
        chosen += map(_rename, best)
    return chosen


def leave_out_beaten(chosen: Sequence[Chosen]) -> tuple[list[Chosen], list[str]]:
    """Leave out students whose every file has more bytes, milliseconds and errors than another one.

    The other one is the teacher's, which needed no training. The most accurate student stays in any
    case. The files of the others are removed; the second value has their names.
    """
    untrained = [file.card for file in chosen if file.artifact.plan is None]
    students: dict[str, Files] = defaultdict(list)
    for file in chosen:
        if file.artifact.plan:
            students[file.artifact.plan.variant].append(file)
    best = max(students.values(), key=_lowest_top1)
    beaten = []
    for name, files in students.items():
        if files is not best and any(_beats(card, files) for card in untrained):
            _remove(files)
            beaten.append(name)
    kept = [file for file in chosen if _variant(file) not in beaten]
    return kept, beaten


def _beats(card: Scorecard, files: Files) -> bool:
    p50 = card.p50 or 0.0
    for other in (file.card for file in files):
        if card.bytes >= other.bytes or card.top1 <= other.top1 or p50 >= (other.p50 or 0.0):
            return False
    return True


def _variant(file: Chosen) -> str | None:
    return file.artifact.plan.variant if file.artifact.plan else None


def _by_variant(artifacts: Sequence[Artifact], cards: Sequence[Scorecard]) -> list[list[Files]]:
    """The candidates of each variant; the quantized teacher is a variant of its own."""
    variants: dict[str, dict[str, Files]] = defaultdict(lambda: defaultdict(list))
    for artifact, card in zip(artifacts, cards, strict=True):
        variant = candidate = artifact.name
        if artifact.plan:
            variant, candidate = artifact.plan.variant, artifact.plan.name
        file = Chosen(artifact, card, _keeps_budget(artifact, card))
        variants[variant][candidate].append(file)
    return [list(candidates.values()) for candidates in variants.values()]


def _best(candidates: list[Files]) -> Files:
    if kept := list(filter(_keep_budget, candidates)):
        return min(kept, key=lambda files: files[0].card.bytes)
    # No candidate is accurate enough; the maximums may still be kept.
    return max(list(filter(_keep_maximums, candidates)) or candidates, key=_lowest_top1)


def _keep_budget(files: Files) -> bool:
    return all(file.kept is not False for file in files)


def _keep_maximums(files: Files) -> bool:
    return all(map(_keeps_maximums, files))


def _lowest_top1(files: Files) -> float:
    return min(file.card.top1 for file in files)


def _budget(artifact: Artifact) -> Budget:
    return (artifact.plan and artifact.plan.budget) or {}


def _keeps_budget(artifact: Artifact, card: Scorecard) -> bool | None:
    """Whether the file keeps every limit; None without a budget."""
    budget = _budget(artifact)
    if not budget:
        return None
    return all(is_kept(key, limit, card) for key, limit in budget.items())


def _keeps_maximums(file: Chosen) -> bool:
    for key, limit in _budget(file.artifact).items():
        if key.startswith("max_") and not is_kept(key, limit, file.card):
            return False
    return True


def is_kept(key: str, limit: float, card: Scorecard) -> bool:
    """Whether a file with this scorecard keeps one limit."""
    figure = FIGURES[key](card)
    return figure <= limit if key.startswith("max_") else figure >= limit


def _remove(files: Files) -> None:
    for file in files:
        file.artifact.path.unlink()


def _rename(file: Chosen) -> Chosen:
    path = file.artifact.path.with_name(f"{file.artifact.name}.tflite")
    file.artifact.path.rename(path)
    return replace(file, artifact=replace(file.artifact, path=path))
