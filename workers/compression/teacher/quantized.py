"""The teacher in int8 without any training: what a user gets from the converter alone.

    python -m workers.compression.teacher.quantized FOLDER OUT

``start`` runs this module as a process beside the training, because the converter ends its process
for some graphs.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workers.compression import disk_arrays, parent_death
from workers.compression.student_values import Artifact
from workers.compression.teacher import freezing, frozen_graph
from workers.compression.values import PreparedTeacher
from workers.compression.work_folder import IMPORT_ROOT

if TYPE_CHECKING:
    import tensorflow as tf

NAME = "teacher-int8"
CALIBRATION_EXAMPLES = 200
INPUTS, EXAMPLES = "calibration.npz", "calibration.npy"
TIMEOUT_SECONDS = 600
"""After the end of the training."""


@dataclass(frozen=True)
class Conversion:
    """A conversion that runs in a process of its own."""

    process: subprocess.Popen[bytes]
    artifact: Artifact

    def result(self) -> Artifact | None:
        """Wait for the file; None where the converter refused or does not come to an end."""
        try:
            return self.artifact if self.process.wait(TIMEOUT_SECONDS) == 0 else None
        except subprocess.TimeoutExpired:
            # The sandbox of an old kernel forbids ending other processes. This one ends with its
            # parent.
            with suppress(PermissionError):
                self.process.kill()
                self.process.wait()
            return None


def start(
    teacher: PreparedTeacher,
    examples: np.ndarray,
    scale: Callable[[np.ndarray], np.ndarray],
    keep_grey: bool,
    folder: Path,
) -> Conversion | None:
    """Start to write the teacher as teacher-int8.tflite below ``folder``, uint8 in and out.

    The file takes what students take, at the teacher's size. The ranges of tensors are found on
    ``examples`` (N, *input_shape), which ``scale`` scales as for students (post-training
    quantization). It takes RGB, also of a grey teacher unless ``keep_grey``. None where the
    teacher cannot take a student's input.
    """
    if teacher.input_map is None:
        return None
    matrix, offset = teacher.input_map
    if len(matrix) == 1 and not keep_grey:
        # Of grey images the file takes three channels, and uses their mean.
        matrix = np.repeat(matrix / 3, 3, axis=0)
        examples = np.repeat(examples, 3, axis=3)
    output = np.array(teacher.contract.output)
    frozen, parameters = teacher.loaded.frozen, teacher.loaded.parameters
    np.savez(frozen / INPUTS, matrix=matrix, offset=offset, output=output)
    stored = disk_arrays.allocate(frozen / EXAMPLES, np.float32, examples.shape)
    for number, example in enumerate(examples):
        stored[number] = scale(example.astype(np.float32))
    path = folder / f"{NAME}.tflite"
    command = [sys.executable, "-m", __name__, str(frozen), str(path.resolve())]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=IMPORT_ROOT, stdout=silent, stderr=silent)
    return Conversion(process, Artifact(NAME, None, "int8", path, parameters, None))


def main(folder: Path, out: Path) -> None:
    """Convert the frozen teacher in ``folder`` and write it to ``out``."""
    import tensorflow as tf

    with np.load(folder / INPUTS) as stored:
        output = str(stored["output"])
        matrix, offset = stored["matrix"][None, None].astype(np.float32), stored["offset"]
    examples = np.load(folder / EXAMPLES, mmap_mode="r")
    description = json.loads((folder / freezing.DESCRIPTION).read_text())
    graph = frozen_graph.read(folder)

    def infer(example: tf.Tensor) -> tf.Tensor:
        scaled = tf.nn.conv2d(example, matrix, 1, "VALID") + offset
        return _probabilities(frozen_graph.outputs_for(graph, description, scaled), output)

    def calibration() -> Iterator[list[np.ndarray]]:
        for example in examples:
            yield [example[None]]

    spec = tf.TensorSpec([1, *examples.shape[1:]], tf.float32, name="image")
    function = tf.function(infer).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    content = converter.convert()
    # The converter writes some files that no interpreter can run.
    tf.lite.Interpreter(model_content=content).allocate_tensors()
    out.write_bytes(content)


def _probabilities(outputs: "tf.Tensor", kind: str) -> "tf.Tensor":
    """Probabilities (1, classes) from the teacher's raw outputs (1, outputs)."""
    import tensorflow as tf

    if outputs.shape[1] == 1:
        if kind == "logits":
            outputs = tf.sigmoid(outputs)
        return tf.concat([1.0 - outputs, outputs], 1)
    if kind == "logits":
        outputs = tf.nn.softmax(outputs)
    return outputs


if __name__ == "__main__":
    parent_death.signal_at_parents_death()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
