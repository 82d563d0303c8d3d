"""Classifies images with MediaPipe's ImageClassifier; runs in an environment with mediapipe.

    python classify.py IMAGES FILE.tflite ..

Prints JSON: for each file the labels that MediaPipe read, and the number of the best class of each
PNG in the folder IMAGES, in the order of their names; or the error with which it refused the file.
"""

import json
import sys
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from PIL import Image


def main(folder: Path, files: list[Path]) -> None:
    images = []
    for path in sorted(folder.glob("*.png")):
        pixels = np.ascontiguousarray(Image.open(path).convert("RGB"))
        images.append(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))
    print(json.dumps({path.name: classified(path, images) for path in files}))


def classified(path: Path, images: list[mediapipe.Image]) -> dict[str, object]:
    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(path)), max_results=-1
    )
    try:
        classifier = vision.ImageClassifier.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        return {"error": str(error)}
    with classifier:
        results = [classifier.classify(image).classifications[0].categories for image in images]
    labels = {category.index: category.category_name for category in results[0]}
    return {
        "labels": [labels[index] for index in sorted(labels)],
        "classes": [categories[0].index for categories in results],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
