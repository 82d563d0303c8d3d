"""A small, real child that speaks the engine's protocol; the job's spec tells it what to play."""

import json
import sys
from typing import Any

from tests.report_example import BASELINE, DATASET, MODEL, SUMMARY, row

CHUNK = 150

SCRIPT = r"""
import hashlib, json, os, signal, subprocess, sys
from pathlib import Path

folder = Path(sys.argv[-1])
task = json.loads((folder / "task.json").read_text())
play = json.loads("".join(name[6:] for name in task["spec"]["class_names"]))
checkpoint = folder / "checkpoint.npz"
resumed = checkpoint.exists()
done = int(checkpoint.read_text()) if resumed else 0


def say(**message):
    print(json.dumps(message), flush=True)


def hold():
    while True:
        signal.pause()


if play.get("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = {"child": os.getpid()}
if play.get("grandchild"):
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
    pids["grandchild"] = subprocess.Popen([sys.executable, "-c", code]).pid
say(type="progress", stage="start", progress=0, metrics=pids)
for line in play.get("lines", ()):
    print(line, flush=True)
if "refuse" in play:
    say(type="error", **play["refuse"])
    sys.exit(2)
run = []
for epoch in range(done + 1, play.get("epochs", 2) + 1):
    for step in range(play.get("steps", 1)):
        place = {"progress": epoch / 10, "epoch": epoch, "epochs": 9}
        say(type="progress", stage="train", metrics={"step": step}, **place)
    if play.get("die_at") == epoch and (not resumed or play.get("always")):
        os.kill(os.getpid(), signal.SIGKILL)
    if play.get("hold_at") == epoch and not resumed:
        hold()
    run.append(epoch)
    (folder / "next").write_text(str(epoch))
    os.replace(folder / "next", checkpoint)
    say(type="checkpoint", epoch=epoch)
given = [name for name in ("model", "dataset") if task[name]]
inputs = {name: hashlib.sha256((folder / task[name]).read_bytes()).hexdigest() for name in given}
report = EXAMPLES[task["kind"]]
(folder / "variants").mkdir(exist_ok=True)


def make(name, **figures):
    content = f"{name} of {play.get('epochs', 2)} epochs".encode()
    (folder / "variants" / f"{name}.tflite").write_bytes(content)
    told = {"file": f"{name}.tflite", "sha256": hashlib.sha256(content).hexdigest()}
    row = {**ROW, "name": name, "student": name, "bytes": len(content), **told, **figures}
    report["variants"].append(row)


if task["kind"] == "compression":
    report["warnings"] = [json.dumps({"run": run, "inputs": inputs})]
    for name in ("large", "medium", "small"):
        make(name)
(folder / "accuracy_over_bytes.svg").write_text("<svg/>")
exec(play.get("tamper", ""))
(folder / "report.json").write_text(play.get("report") or json.dumps(report))
"""
EXAMPLES = {
    "compression": {**SUMMARY, "baseline": BASELINE, "variants": []},
    "model_inspection": MODEL,
    "dataset_inspection": DATASET,
}
DATA = (
    f"import json\nEXAMPLES = json.loads({json.dumps(EXAMPLES)!r})\n"
    f"ROW = json.loads({json.dumps(row('any', b''))!r})\n"
)
ACTOR = (sys.executable, "-c", DATA + SCRIPT)


def spec_of(play: dict[str, Any]) -> dict[str, Any]:
    """A valid spec that carries the play in its class names, cut into pieces and numbered."""
    text = json.dumps(play) + " " * CHUNK
    pieces = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    return {"class_names": [f"{number:05d}:{piece}" for number, piece in enumerate(pieces)]}
