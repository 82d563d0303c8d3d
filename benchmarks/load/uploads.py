"""Uploads, one and ten at once, beside plain copies on the same disk."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.load.servers import Api
from benchmarks.uploads import reset_peak, write_random


def measure(api: Api, folder: Path, mib: int) -> list[dict[str, Any]]:
    """``mib`` in all each time, so that ten at once send a tenth each."""
    return [measure_at_once(api, folder, mib, count) for count in (1, 10)]


def measure_at_once(api: Api, folder: Path, mib: int, count: int) -> dict[str, Any]:
    files = [folder / f"{count}-{number}.bin" for number in range(count)]
    for file in files:
        write_random(file, mib // count)

    def send(file: Path) -> None:
        with api.client() as client:
            client.upload_file(file)

    copying = at_once(lambda file: shutil.copyfile(file, file.with_suffix(".copy")), files)
    before = api.memory_mib()
    reset_peak(api.pid)
    sending = at_once(send, files)
    for file in files:
        file.with_suffix(".copy").unlink()
        file.unlink()
    return {
        "at_once": count,
        "mib": mib,
        "copy_seconds": round(copying, 2),
        "upload_seconds": round(sending, 2),
        "share_of_copy": round(copying / sending, 2),
        "api_before_mib": before,
        "api_peak_mib": api.memory_mib("VmHWM"),
    }


def at_once(work: Callable[[Path], object], files: list[Path]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(len(files)) as threads:
        list(threads.map(work, files))
    return time.perf_counter() - began
