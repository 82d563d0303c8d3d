"""The interface between a worker and the engine's process: names of files, exit statuses, messages.

It needs only the standard library, so that a supervisor imports it without loading the engine.
"""

from pathlib import Path

TASK = "task.json"
REPORT = "report.json"
CHECKPOINT = "checkpoint.npz"
SCRATCH = "scratch"
"""Temporary files of the engine; nothing in this folder is kept."""
VARIANTS = "variants"
"""The .tflite files of the report's rows, nothing else."""
PLOTS = ("accuracy_over_bytes.png", "accuracy_over_bytes.svg")

# Exit statuses. With any other one the process crashed, and the job may be tried again.
DONE = 0
REFUSED = 2

# The values of "type" in the JSON lines that the engine prints.
PROGRESS = "progress"
CHECKPOINTED = "checkpoint"
ERROR = "error"

# Helper processes start here and not in the work folder, where Python would look for modules among
# the uploads.
IMPORT_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package ``workers``."""
