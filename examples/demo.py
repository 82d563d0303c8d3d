"""Start the service and compress the Fashion-MNIST teacher through its HTTP API, as a user would.

python examples/demo.py [--out DIR] [--minutes N | --effort draft|standard|thorough]
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workers.compression import parent_death

ROOT = Path(__file__).resolve().parent.parent
FASHION = ROOT / "examples" / "fashion"
L2C = Path(sys.executable).with_name("l2c")
LISTENS = " listens on "
ALONE: dict[str, Any] = {
    "start_new_session": True,
    "preexec_fn": parent_death.signal_at_parents_death,
}
"""Ctrl-C at a terminal reaches this script alone; its processes end when it ends in any way."""
SHOW_CURSOR = "\033[?25h"
"""A progress bar that is killed leaves it hidden."""


def main() -> int:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out" / "demo", help="where the results go"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, default=4, help="for the job, on any machine [%(default)g]"
    )
    length.add_argument("--effort", choices=["draft", "standard", "thorough"])
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    data = args.out / "service"
    data.mkdir(parents=True)
    started = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    serve = [L2C, "serve", "--port", "0", "--data", data]
    server = subprocess.Popen(
        serve, stdout=subprocess.PIPE, stderr=(data / "log").open("w"), text=True, **ALONE
    )
    try:
        url = _address(server)
        print(f"l2c serve: {url} (log: {data / 'log'})", flush=True)
        command = [
            L2C,
            "compress",
            FASHION / "teacher.keras",
            FASHION / "images.zip",
            "--out",
            args.out,
        ]
        environment = os.environ | {"L2C_URL": url, "L2C_KEY": (data / "key").read_text().strip()}
        if args.effort:
            command += ["--effort", args.effort]
        else:
            command += ["--max-minutes", str(args.minutes)]
        done = subprocess.run(command, env=environment, check=False, **ALONE)
    finally:
        server.terminate()
        server.wait(timeout=30)
        if sys.stderr.isatty():
            sys.stderr.write(SHOW_CURSOR)
    if done.returncode == 0:
        minutes = (time.monotonic() - started) / 60
        print(f"\n{minutes:.1f} minutes; report.json, the plot and the .tflite files: {args.out}")
    return done.returncode


def _end(number: int, _: object) -> None:
    # Once is enough: what follows is the end of the service.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    print("\nthe demo ends, and with it its service and the training", file=sys.stderr, flush=True)
    raise SystemExit(128 + number)


def _address(server: subprocess.Popen[str]) -> str:
    """The URL that the server prints when it is ready."""
    for line in server.stdout or ():
        if LISTENS in line:
            return line.split(LISTENS)[1].split()[0]
    raise SystemExit("l2c serve ended before it was ready; see service/log in the output folder")


if __name__ == "__main__":
    sys.exit(main())
