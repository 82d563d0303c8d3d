"""Loads four kinds of teachers that others trained, and detects their input scaling.

    python -m benchmarks.teachers

Prints the accuracy with the detected scaling beside the published one, and writes
benchmarks/results/teachers.json.
"""

import tempfile
from pathlib import Path

from benchmarks import real_data, results_file
from service.contract.job import JobSpec
from workers.compression import inspection

RESULTS = Path(__file__).parent / "results" / "teachers.json"


def main() -> None:
    real_data.require()
    teachers = real_data.FOLDER / "teachers"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cifar = real_data.cifar10(folder / "cifar.zip", train=5_000)
        cifar_1000 = real_data.cifar10(folder / "cifar1000.zip", train=5_000, test=1_000)
        fashion = real_data.fashion_mnist(folder / "fashion.zip", train=5_000)
        subclassed = real_data.saved_model("fashion-subclassed-savedmodel", folder / "subclassed")
        cases = [
            ("cifar10-resnet32", teachers / "cifar10-resnet32" / "resnet.h5", cifar, 0.9231),
            (
                "cifar10-lenet-keras21",
                teachers / "cifar10-lenet-keras21" / "lenet.h5",
                cifar_1000,
                0.746,
            ),
            ("fashion-cnn", teachers / "fashion-cnn" / "model.keras", fashion, 0.9067),
            ("fashion-subclassed-savedmodel", subclassed, fashion, 0.8482),
        ]
        rows = [row(title, model, data, known) for title, model, data, known in cases]
    print(f"{'teacher':32}{'loader':12}{'scaling':14}{'output':10}{'known':>8}{'found':>8}")
    for each in rows:
        print(
            f"{each['teacher']:32}{each['loader']:12}{each['scaling']:14}{each['output']:10}"
            f"{each['known_top1']:8.2%}{each['top1']:8.2%}"
        )
    results_file.write(RESULTS, {"rows": rows})


def row(title: str, model: Path, data: Path, known: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as scratch:
        loader = inspection.model(model, Path(scratch))["loader"]
    found = inspection.accuracy(model, data, JobSpec().model_dump(mode="json"))
    return {
        "teacher": title,
        "loader": loader,
        "scaling": found["input_scaling"],
        "output": found["teacher_output"],
        "images": found["images"],
        "known_top1": known,
        "top1": found["top1"],
    }


if __name__ == "__main__":
    main()
