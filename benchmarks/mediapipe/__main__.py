"""Opens every kind of exported file with MediaPipe, and compares its answers with the engine's.

    python -m benchmarks.mediapipe NAME=TEACHER,DATA [NAME=TEACHER,DATA ..]

Compresses each teacher at effort draft to files of all quantizations. MediaPipe's ImageClassifier
opens them in an environment of its own, reads the labels, and classifies 200 images of the archive,
which it resizes itself; the engine classifies the same images as in its evaluation. Prints which
files are opened, whether the labels are right, and on how many images both agree. What is finished
is not repeated. Without arguments, the demo's teacher is taken.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image

from benchmarks import results_file
from benchmarks.environments import python
from service.contract.job import Quantization
from workers.compression.artifacts import interpreter, metadata
from workers.compression.images import pixels
from workers.compression.images.class_folders import index
from workers.compression.images.decoding import decode_images, to_pixels

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "mediapipe"
DEMO = "fashion=examples/fashion/teacher.keras,examples/fashion/images.zip"
PACKAGES = ("mediapipe==1.2.3", "pillow")
RESULTS = ROOT / "benchmarks" / "results" / "mediapipe.json"
IMAGES = 200
QUANTIZATIONS = get_args(Quantization)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("teachers", nargs="*", metavar="NAME=TEACHER,DATA", default=[DEMO])
    parser.add_argument("--out", type=Path, default=OUT, help="where files are kept [%(default)s]")
    args = parser.parse_args()
    rows = []
    for text in args.teachers:
        name, _, files = text.partition("=")
        teacher, data = map(Path, files.split(","))
        rows += compared(name, teacher, data, args.out / name, python(args.out / "env", PACKAGES))
    print(f"{'data':12}{'file':24}{'input':>16}{'opened':>8}{'labels':>8}{'agreement':>11}")
    for row in rows:
        print(
            f"{row['data']:12}{row['file']:24}{row['input']:>16}"
            f"{row['opened']!s:>8}{row['labels_right']!s:>8}{row['agreement']:>11.1%}"
        )
    keep(rows)


def keep(rows: list[Any]) -> None:
    """Write the rows beside those of other data."""
    names = {row["data"] for row in rows}
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    rows = [row for row in known if row["data"] not in names] + rows
    results_file.write(RESULTS, {"images": IMAGES, "rows": rows})


def compared(name: str, teacher: Path, data: Path, folder: Path, mediapipe: str) -> list[Any]:
    """A row for each file of one job."""
    files = folder / "files"
    if not (files / "report.json").exists():
        options = [f"--quantization={each}" for each in QUANTIZATIONS]
        command = [sys.executable, "-m", "workers.local", "compress", str(teacher), str(data)]
        options += ["--effort=draft", "--out", str(files)]
        subprocess.run([*command, *options], check=True)
    paths = sorted(files.glob("*.tflite"))
    images = keep_images(data, folder / "images")
    script = Path(__file__).with_name("classify.py")
    done = subprocess.run(
        [mediapipe, script, folder / "images", *paths], check=True, stdout=subprocess.PIPE
    )
    answers = json.loads(done.stdout)
    return [row(name, path, images, answers[path.name]) for path in paths]


def keep_images(data: Path, folder: Path) -> list[Image.Image]:
    """Some images of the archive, evenly spaced, which are also written to ``folder``."""
    folder.mkdir(exist_ok=True)
    found = index(data)
    chosen = set(list(found.entries)[:: max(1, len(found.entries) // IMAGES)][:IMAGES])
    images: list[Image.Image] = []
    for decoded in decode_images(data, found):
        if decoded.image is not None and decoded.entry.path in chosen:
            decoded.image.save(folder / f"{len(images):04d}.png")
            images.append(decoded.image)
    return images


def row(name: str, path: Path, images: list[Image.Image], answer: dict[str, Any]) -> dict[str, Any]:
    """What MediaPipe made of a file, beside the engine's own answers."""
    tensor = interpreter.describe_tensors(path)["input"]
    shape = tensor["shape"][1:]
    scores = interpreter.predict(
        path, (to_pixels(image, tuple(shape)) for image in images), pixels.scale
    )
    agreement = 0.0
    if "classes" in answer:
        agreement = float(np.mean(scores.argmax(1) == np.array(answer["classes"])))
    return {
        "data": name,
        "file": path.stem,
        "input": f"{'x'.join(map(str, shape))} {tensor['dtype']}",
        "opened": "error" not in answer,
        "labels_right": answer.get("labels") == metadata.read_labels(path),
        "agreement": agreement,
        "error": answer.get("error"),
    }


if __name__ == "__main__":
    main()
