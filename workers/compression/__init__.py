"""The engine: from a teacher and its data to .tflite files with their figures."""

import os
import sys
from types import ModuleType
from typing import cast

if os.environ.setdefault("KERAS_BACKEND", "tensorflow") == "tensorflow":
    # TensorFlow imports JAX wherever it is installed, for a converter that is not used here; that
    # is a quarter of the time that a process needs to start.
    sys.modules.setdefault("jax", cast(ModuleType, None))
