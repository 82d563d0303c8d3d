"""What a worker prepares and proves on its machine before it takes jobs."""

import json
import logging
import os
import sys
from pathlib import Path
from uuid import uuid4

from service.contract import data_folder
from service.contract.devices import Device
from service.contract.settings import Settings
from workers import landlock, sandbox
from workers.removal import remove_tree
from workers.worker_context import limits_of

LOG = logging.getLogger(__name__)
PROOF_SECONDS = 120
# Reads what an engine imports, without the seconds that importing TensorFlow takes.
PROOF = """
import importlib.util, json, os, pathlib, sys
import h5py, numpy, PIL.Image, workers.compression.work_folder
for name in ("keras", "tensorflow", "ai_edge_litert"):
    found = importlib.util.find_spec(name)
    if found:
        open(found.origin).close()
pathlib.Path(sys.argv[-1], "proof").write_text("written")
print(json.dumps({"user": os.geteuid(), "pid": os.getpid()}))
"""


def prepare_machine(settings: Settings) -> str:
    """Make the data folder private, and start one process in the sandbox; returns its level.

    Exits with one sentence where the sandbox is required and parts of it are missing, or where the
    child's user cannot read what it needs.
    """
    lacks = sandbox.missing()
    if lacks and settings.sandbox == sandbox.REQUIRE:
        raise SystemExit(
            f"This machine lacks {lacks}; L2C_SANDBOX=best runs users' models without it."
        )
    data_folder.prepare(settings)
    limits = limits_of(settings)
    proof, complaint = _prove(settings, limits)
    if complaint and sandbox.changes_user(limits):
        # Without namespaces the child's user needs a way to its work folder, but no more.
        for folder in (settings.data_dir, settings.work_dir):
            folder.chmod(sandbox.PASSABLE)
        proof, complaint = _prove(settings, limits)
    if complaint:
        raise SystemExit(_refusal(settings, limits, complaint))
    level = _level(limits, lacks, proof)
    LOG.info("sandbox: %s (%s)", _isolation(limits, proof), level)
    return level


def device_of(settings: Settings) -> Device:
    """The device that is set, or what this machine has."""
    if settings.device != "auto":
        return Device(settings.device)
    return Device.GPU if sandbox.gpu_files(settings.cuda_visible_devices) else Device.CPU


def _level(limits: sandbox.Limits, lacks: str, proof: dict[str, int]) -> str:
    """As jobs show it."""
    if limits.mode == sandbox.OFF:
        return "off"
    if lacks:
        return "partial"
    return "namespaces" if _has_namespaces(proof) else "landlock"


def _has_namespaces(proof: dict[str, int]) -> bool:
    # With namespaces, process 1 is the sandbox's own.
    return proof["pid"] == 2 and os.getpid() != 1


def _prove(settings: Settings, limits: sandbox.Limits) -> tuple[dict[str, int], str]:
    """What the process tells of itself, or the end of its complaint."""
    own = settings.work_dir / f"proof.{uuid4().hex}"
    folder = own / "child"
    folder.mkdir(parents=True)
    try:
        process = sandbox.start((sys.executable, "-c", PROOF), folder, limits)
        output, errors = process.communicate(timeout=PROOF_SECONDS)
    finally:
        remove_tree(own)
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines() or ["no message"]
        return {}, lines[-1]
    return json.loads(output), ""


def _refusal(settings: Settings, limits: sandbox.Limits, complaint: str) -> str:
    if not sandbox.changes_user(limits):
        return f"The sandbox cannot start a process here: {complaint}"
    python, work = Path(sys.prefix), settings.work_dir.resolve()
    return (
        f"The sandbox cannot start a process as user {limits.uid} here: {complaint}. Let this user"
        f" read {python} and enter {work}, or set L2C_CHILD_UID to a user who can."
    )


def _isolation(limits: sandbox.Limits, proof: dict[str, int]) -> str:
    """What separates the child from the worker here, for the log."""
    if limits.mode == sandbox.OFF:
        return "none, as L2C_SANDBOX asks for"
    user = "the worker's own user, held back by seccomp"
    if sandbox.changes_user(limits):
        user = f"user {proof['user']}"
    namespaces = "no namespaces, held back by seccomp"
    if _has_namespaces(proof):
        namespaces = "namespaces of its own"
    return f"{user}, {namespaces}, Landlock {landlock.abi()}"
