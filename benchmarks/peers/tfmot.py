"""The teacher pruned, then quantization-aware trained, by TensorFlow Model Optimization."""

from functools import partial
from pathlib import Path

from benchmarks.peers import environment, teacher
from benchmarks.peers.budget import Budget
from benchmarks.peers.clock import Clock
from benchmarks.peers.peer import MODEL, Peer


def peers(budget: Budget, root: Path) -> list[Peer]:
    return [
        Peer(name, budget.key(name, budget.finetune), partial(_make, budget, root, sparsity))
        for sparsity in budget.sparsities
        for name in [f"tfmot-{round(100 * sparsity)}percent"]
    ]


def _make(budget: Budget, root: Path, sparsity: float, folder: Path) -> float:
    """Half of the epochs prune and half quantize.

    The library needs many steps to find ranges: its moving averages have a decay of .999.
    """
    quantizing = max(1, budget.finetune // 2)
    pruning = max(1, budget.finetune - quantizing)
    options = ("--train", budget.train, "--seed", budget.seed, "--sparsity", sparsity)
    epochs = ("--pruning", pruning, "--quantizing", quantizing)
    environment.run(root, "prune_and_quantize", teacher.FILE, folder.resolve(), *options, *epochs)
    assert (folder / MODEL).exists()
    return sum(Clock(folder / f"{phase}.json").minutes for phase in ("pruning", "quantizing"))
