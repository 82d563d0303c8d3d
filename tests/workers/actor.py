"""A small, real child that speaks the engine's protocol; the job's spec tells it what to play."""

import sys

SCRIPT = r"""
import hashlib, json, os, signal, subprocess, sys
from pathlib import Path

box = Path(sys.argv[-1])
task = json.loads((box / "task.json").read_text())
play = task["spec"]
checkpoint = box / "checkpoint.npz"
resumed = checkpoint.exists()
done = int(checkpoint.read_text()) if resumed else 0


def say(**word):
    print(json.dumps(word), flush=True)


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
        say(type="progress", stage="train", progress=epoch / 10, epoch=epoch, epochs=9, metrics={"step": step})
    if play.get("die_at") == epoch and (not resumed or play.get("always")):
        os.kill(os.getpid(), signal.SIGKILL)
    if play.get("hold_at") == epoch and not resumed:
        hold()
    run.append(epoch)
    (box / "next").write_text(str(epoch))
    os.replace(box / "next", checkpoint)
    say(type="checkpoint", epoch=epoch)
given = [name for name in ("model", "dataset") if task[name]]
inputs = {name: hashlib.sha256((box / task[name]).read_bytes()).hexdigest() for name in given}
report = {"baseline": {"top1": 0.9}, "variants": [], "data": {"run": run, "inputs": inputs}}
(box / "variants").mkdir(exist_ok=True)
for name in ("large", "medium", "small"):
    content = f"{name} of {play.get('epochs', 2)} epochs".encode()
    (box / "variants" / f"{name}.tflite").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    report["variants"].append({"name": name, "file": f"{name}.tflite", "sha256": sha256, "top1": 0.8})
(box / "accuracy_over_bytes.svg").write_text("<svg/>")
exec(play.get("tamper", ""))
(box / "report.json").write_text(play.get("report") or json.dumps(report))
"""
ACTOR = (sys.executable, "-c", SCRIPT)
