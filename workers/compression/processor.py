"""The processor that a job runs on, which decides its speed."""

import os
import platform
from pathlib import Path

from workers.compression.values import Json

CPUINFO = Path("/proc/cpuinfo")
VECTOR_INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd")
"""Those that make networks several times faster, by Linux's names."""


def name() -> str:
    """The processor's model."""
    if CPUINFO.exists():
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def instructions() -> list[str]:
    """Which of VECTOR_INSTRUCTIONS it has."""
    if not CPUINFO.exists():
        return []
    words = set(CPUINFO.read_text().split())
    return [each for each in VECTOR_INSTRUCTIONS if each in words]


def describe() -> Json:
    """What a report tells of the machine."""
    cores = len(os.sched_getaffinity(0))
    return {"cpu": name(), "cores": cores, "instructions": instructions()}
