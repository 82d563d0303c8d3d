"""Stored specs, reports and descriptions of version 0001 in the words of version 0002.

Each function takes a JSON value as 0001 wrote it and returns it as 0002 writes it; one that 0002
wrote is returned as it is, since a database may have gone back and forward. They repeat
words of the contract on purpose: the contract will change again, these two versions will not.
"""

import re
from typing import Any

Json = dict[str, Any]

OLD_FILE = re.compile(r"-w(\d+)-d(\d+)-\d+x\d+x\d+-")
"""Width and depth stood in the names of files: small-resnet-w8-d2-32x32x3-int8.tflite."""


def spec_of(spec: Json) -> Json:
    """A job's spec; inspections have an empty one."""
    spec = dict(spec)
    if "teacher" in spec:
        spec["teacher_training"] = spec.pop("teacher")
    if spec.get("family") == "teacher":
        spec["family"] = "pruned"
    return spec


def metrics_of(row: Json) -> Json:
    """A variant's figures, without what its row in the table says already."""
    told_by_the_row = ("name", "file", "sha256", "bytes")
    return {name: value for name, value in _row(row).items() if name not in told_by_the_row}


def report_of(report: Json) -> Json:
    """report.json of a job."""
    recipe = spec_of(report["recipe"])
    recipe.pop("students", None)
    versions = {name.replace("-", "_"): value for name, value in report["versions"].items()}
    return {
        **report,
        "baseline": {"top3": None, **report["baseline"]},
        "variants": [_row(row) for row in report["variants"]],
        "recipe": recipe,
        "versions": versions,
    }


def dataset_description(description: Json) -> Json:
    """What inspection found in a dataset."""
    sizes = description["image_sizes"]
    if any(isinstance(size, dict) for size in sizes["most_common"]):
        return description
    common = [
        dict(zip(("width", "height", "images"), size, strict=True)) for size in sizes["most_common"]
    ]
    return {**description, "image_sizes": {**sizes, "most_common": common}}


def _row(row: Json) -> Json:
    """One row of a report's variants."""
    if "width" in row:
        return row
    size = OLD_FILE.search(row["file"])
    width, depth = map(int, size.groups()) if size else (None, None)
    new: Json = {"file": f"{row['name']}.tflite", "width": width, "depth": depth, "top3": None}
    if row["student"] is not None and row["family"] == "teacher":
        new["family"] = "pruned"
    if row["budget"] is not None:
        new["budget"] = {"requested": row["budget"]["asked"], "kept": row["budget"]["kept"]}
    return {**row, **new}
