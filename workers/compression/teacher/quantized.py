"""The teacher itself in int8, without any training: what a user could have had at once.

    python -m workers.compression.teacher.quantized FOLDER OUT

is how ``begin`` runs it: in a process of its own, beside the training, since the converter ends its
process over some graphs.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workers.compression import parent_death
from workers.compression.teacher import frozen_graph
from workers.compression.values import INPUT_MEAN, INPUT_STD, Artifact, Split, Teacher

CALIBRATION_IMAGES = 200
EXAMPLES = "examples.npz"
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Begun:
    """A conversion under way."""

    process: subprocess.Popen[bytes]
    artifact: Artifact

    def finished(self) -> Artifact | None:
        """The file once it is there, or None where the converter refused, or hangs long after the
        training.
        """
        try:
            return self.artifact if self.process.wait(PATIENCE_SECONDS) == 0 else None
        except subprocess.TimeoutExpired:
            # An old kernel's sandbox lets nobody end another process; this one dies with its
            # parent.
            with suppress(PermissionError):
                self.process.kill()
                self.process.wait()
            return None


def begin(
    teacher: Teacher,
    scaling: tuple[np.ndarray, np.ndarray],
    output: str,
    train: Split,
    folder: Path,
) -> Begun:
    """Begin to write the teacher as a full-int8 .tflite with uint8 in and out below ``folder``.

    ``scaling`` is the matrix and offset from a student's scaled pixels to the teacher's input,
    ``output`` what the teacher returns; the ranges of its tensors are those found on training
    images (post-training quantization).
    """
    height, width, channels = teacher.input_shape
    path = folder / f"teacher-{height}x{width}x{channels}-int8.tflite"
    examples = train.spread(CALIBRATION_IMAGES).images
    # The input's range is that of all pixels, not of these.
    examples[:, 0, 0], examples[:, -1, -1] = 0, 255
    np.savez(
        teacher.frozen / EXAMPLES,
        images=examples,
        matrix=scaling[0],
        offset=scaling[1],
        output=np.array(output),
    )
    command = [sys.executable, "-m", __name__, str(teacher.frozen), str(path.resolve())]
    process = subprocess.Popen(
        command, cwd=Path(__file__).parents[3], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return Begun(process, Artifact(None, "int8", path, teacher.parameters, None))


def main(folder: Path, out: Path) -> None:
    import tensorflow as tf

    with np.load(folder / EXAMPLES) as stored:
        examples, matrix, offset, output = (
            stored[name] for name in ("images", "matrix", "offset", "output")
        )
    graph = frozen_graph.opened(folder, json.loads((folder / "teacher.json").read_text()))

    def infer(image: Any) -> Any:
        scores = graph(
            tf.nn.conv2d(image, matrix[None, None].astype(np.float32), 1, "VALID") + offset
        )
        if scores.shape[1] == 1:
            second = tf.sigmoid(scores) if output == "logits" else scores
            return tf.concat([1.0 - second, second], 1)
        return tf.nn.softmax(scores) if output == "logits" else scores

    def calibration() -> Iterator[list[np.ndarray]]:
        for image in examples:
            yield [(image[None].astype(np.float32) - INPUT_MEAN) / INPUT_STD]

    spec = tf.TensorSpec([1, *examples.shape[1:]], tf.float32, name="image")
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(infer).get_concrete_function(spec)]
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    content = converter.convert()
    tf.lite.Interpreter(model_content=content).allocate_tensors()
    out.write_bytes(content)


if __name__ == "__main__":
    parent_death.signal_at_parents_death()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
