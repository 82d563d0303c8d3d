"""ai-edge-quantizer on a float32 .tflite; runs in the peers' environment.

python -m benchmarks.peers.edge_quantizer RECIPE FLOAT.tflite SAMPLE.npy OUT.tflite
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe


def main(name: str, source: str, sample: str, out: str) -> None:
    """Quantize by a function of ``ai_edge_quantizer.recipe``.

    Ranges come from ``sample`` (N, height, width, channels).
    """
    tool = quantizer.Quantizer(source)
    tool.load_quantization_recipe(getattr(recipe, name)())
    found = None
    if tool.need_calibration:
        key, signature = next(iter(Interpreter(source).get_signature_list().items()))
        found = tool.calibrate(
            {key: [{signature["inputs"][0]: image[None]} for image in np.load(sample)]}
        )
    Path(out).write_bytes(tool.quantize(found).quantized_model)


if __name__ == "__main__":
    main(*sys.argv[1:])
