"""Inspects networks of keras.applications, as .keras files and as exported SavedModels.

    python -m benchmarks.applications [NAME ..]

Each has ten classes and random weights. Prints whether it loads and converts to .tflite, in what
time and with what memory, and writes benchmarks/results/applications.json. The time is that of
`python -m workers.local inspect --model FILE`, the start of Python included; the memory is the
most that the process held.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks import results_file

RESULTS = Path(__file__).parent / "results" / "applications.json"
NAMES = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "MobileNetV3Large",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ResNet50",
    "ResNet50V2",
    "Xception",
    "InceptionV3",
    "DenseNet121",
    "NASNetMobile",
    "ConvNeXtTiny",
)
MAKE = """
import sys, keras
name, file, folder = sys.argv[1:]
network = getattr(keras.applications, name)(weights=None, classes=10)
network.save(file)
network.export(folder)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} [all]")
    args = parser.parse_args()
    rows = []
    print(
        f"{'network':20}{'file':8}{'MB':>7}{'loads':>7}{'converts':>10}{'MACs':>9}{'s':>7}{'MiB':>7}"
    )
    for name in args.names or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            for kind, file in make(name, Path(folder)).items():
                rows.append({"network": name, "file": kind, **inspect(file)})
                print(line(rows[-1]), flush=True)
    if not args.names:
        results_file.write(RESULTS, {"rows": rows})


def make(name: str, folder: Path) -> dict[str, Path]:
    """The network as both kinds of file, made in a process of its own."""
    whole, exported, packed = folder / "model.keras", folder / "exported", folder / "model.zip"
    subprocess.run(
        [sys.executable, "-c", MAKE, name, whole, exported], check=True, capture_output=True
    )
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(exported.rglob("*")):
            archive.write(path, path.relative_to(exported))
    return {"keras": whole, "export": packed}


def inspect(file: Path) -> dict[str, object]:
    """What the command says about the file, its seconds and its peak memory."""
    command = [sys.executable, "-m", "workers.local", "inspect", "--json", "--model", str(file)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        answer = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    found = json.loads(answer)
    model = found.get("model", {})
    return {
        "bytes": file.stat().st_size,
        "loads": process.returncode == 0,
        "converts": model.get("macs") is not None,
        "macs": model.get("macs"),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_mib": usage.ru_maxrss // 1024,
        "reason": found.get("error", {}).get("message") or model.get("not_converted"),
    }


def line(row: dict[str, object]) -> str:
    macs = f"{int(str(row['macs'])) / 1e6:,.0f} M" if row["macs"] else "-"
    loads, converts = ("yes" if row[key] else "no" for key in ("loads", "converts"))
    megabytes = int(str(row["bytes"])) / 1e6
    return (
        f"{row['network']!s:20}{row['file']!s:8}{megabytes:7.1f}{loads:>7}{converts:>10}{macs:>9}"
        f"{row['seconds']!s:>7}{row['peak_mib']!s:>7}  {row['reason'] or ''}"
    )


if __name__ == "__main__":
    main()
