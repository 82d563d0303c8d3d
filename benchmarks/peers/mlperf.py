"""MLPerf Tiny's reference for image classification: an int8 ResNet-8, trained by others."""

import shutil
from pathlib import Path

from benchmarks import real_data
from benchmarks.peers.images import RAW
from benchmarks.peers.peer import MODEL, Peer

FILE = real_data.FOLDER / "teachers" / "cifar10-resnet8-mlperf" / "pretrainedResnet_quant.tflite"


def peers() -> list[Peer]:
    return [Peer("mlperf-resnet8", "mlperf-resnet8", _copy, RAW)]


def _copy(folder: Path) -> None:
    shutil.copyfile(FILE, folder / MODEL)
