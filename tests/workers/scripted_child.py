"""A small, real child process that prints the engine's messages and writes its files.

What it does besides is JSON in ``class_names`` of the job's spec, cut into numbered pieces.
"""

import json
import sys
from typing import Any

from tests.report_example import BASELINE, DATASET, MODEL, SUMMARY, row

PIECE = 150
NUMBER_WIDTH = 5

SCRIPT = r"""
import hashlib, json, os, signal, subprocess, sys, time
from pathlib import Path

folder = Path(sys.argv[-1])
task = json.loads((folder / "task.json").read_text())
behaviour = json.loads("".join(name[NUMBER_WIDTH + 1 :] for name in task["spec"]["class_names"]))
checkpoint = folder / "checkpoint.npz"
resumed = checkpoint.exists()
done = int(checkpoint.read_text()) if resumed else 0


def say(**message):
    print(json.dumps(message), flush=True)


def wait_for(name):
    while name and not (folder / name).exists():
        time.sleep(0.02)


def hold():
    while True:
        signal.pause()


if behaviour.get("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = {"child": os.getpid()}
if behaviour.get("grandchild"):
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
    pids["grandchild"] = subprocess.Popen([sys.executable, "-c", code]).pid
say(type="progress", stage="start", progress=0, metrics=pids)
for line in behaviour.get("lines", ()):
    print(line, flush=True)
if "refuse" in behaviour:
    say(type="error", **behaviour["refuse"])
    sys.exit(2)
run = []
epochs = behaviour.get("epochs", 2)
for epoch in range(done + 1, epochs + 1):
    time.sleep(behaviour.get("epoch_seconds", 0))
    for step in range(behaviour.get("steps", 1)):
        place = {"progress": epoch / max(10, epochs), "epoch": epoch, "epochs": epochs}
        say(type="progress", stage="train", metrics={"step": step}, **place)
    if epoch == done + 1 + behaviour.get("epochs_to_live", 10**9):
        os.kill(os.getpid(), signal.SIGKILL)
    wait_for(behaviour.get("wait_before", {}).get(str(epoch)))
    if behaviour.get("die_at") == epoch and (not resumed or behaviour.get("always")):
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour.get("hold_at") == epoch and not resumed:
        hold()
    run.append(epoch)
    (folder / "next").write_text(str(epoch))
    os.replace(folder / "next", checkpoint)
    say(type="checkpoint", epoch=epoch)
wait_for(behaviour.get("wait_before", {}).get("report"))
given = [name for name in ("model", "dataset") if task[name]]
inputs = {name: hashlib.sha256((folder / task[name]).read_bytes()).hexdigest() for name in given}
report = EXAMPLES[task["kind"]]
(folder / "variants").mkdir(exist_ok=True)


def make(name, **figures):
    content = f"{name} of {behaviour.get('epochs', 2)} epochs".encode()
    (folder / "variants" / f"{name}.tflite").write_bytes(content)
    told = {"file": f"{name}.tflite", "sha256": hashlib.sha256(content).hexdigest()}
    row = {**ROW, "name": name, "student": name, "bytes": len(content), **told, **figures}
    report["variants"].append(row)


if task["kind"] == "compression":
    report["warnings"] = [json.dumps({"run": run[-50:], "inputs": inputs})]
    for name in ("large", "medium", "small"):
        make(name)
(folder / "accuracy_over_bytes.svg").write_text("<svg/>")
exec(behaviour.get("before_report", ""))
(folder / "report.json").write_text(behaviour.get("report") or json.dumps(report))
"""
EXAMPLES = {
    "compression": {**SUMMARY, "baseline": BASELINE, "variants": []},
    "model_inspection": MODEL,
    "dataset_inspection": DATASET,
}
DATA = (
    f"import json\nEXAMPLES = json.loads({json.dumps(EXAMPLES)!r})\n"
    f"NUMBER_WIDTH = {NUMBER_WIDTH}\n"
    f"ROW = json.loads({json.dumps(row('any', b''))!r})\n"
)
SCRIPTED_CHILD = (sys.executable, "-c", DATA + SCRIPT)


def spec_of(behaviour: dict[str, Any]) -> dict[str, Any]:
    """A valid spec that carries the behaviour in its class names."""
    # Padded, because a spec needs at least two class names.
    text = json.dumps(behaviour) + " " * PIECE
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    return {
        "class_names": [f"{number:0{NUMBER_WIDTH}d}:{piece}" for number, piece in enumerate(pieces)]
    }
