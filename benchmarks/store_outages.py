"""Whether a deletion leaves objects when the store is killed meanwhile.

    python -m benchmarks.store_outages

Each run starts SeaweedFS and the API, deletes a job with 3,000 objects, kills the store with
kill -9 at a random moment of the deletion and starts it again. Writes
benchmarks/results/store_outages.json; exit code 1 when anything was left.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import results_file
from tests.service.store_outage import OBJECTS, Outage, delete_during_outage

RESULTS = Path(__file__).parent / "results" / "store_outages.json"
LATEST_SECONDS = 0.5
"""A deletion of 3,000 objects takes about a second."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    outages = [one_run(number, options.runs) for number in range(1, options.runs + 1)]
    result = {
        "runs": len(outages),
        "objects_per_run": OBJECTS,
        "killed_before_the_end": sum(outage.open_deletions for outage in outages),
        "objects_left": sum(outage.objects_left for outage in outages),
    }
    print(json.dumps(result, indent=2))
    results_file.write(RESULTS, result)
    sys.exit(bool(result["objects_left"]))


def one_run(number: int, runs: int) -> Outage:
    seconds = random.uniform(0, LATEST_SECONDS)
    with tempfile.TemporaryDirectory(prefix="l2c-outage-") as folder:
        outage = delete_during_outage(Path(folder), lambda store, keys: time.sleep(seconds))
    print(
        f"run {number} of {runs}: killed after {seconds:.2f} s,"
        f" {outage.open_deletions} deletion open, {outage.objects_left} objects left"
    )
    return outage


if __name__ == "__main__":
    main()
