"""Reads from a Keras configuration what a model takes, to refuse it before it is loaded."""

from collections.abc import Iterator
from typing import Any

from workers.compression.teacher.signature import check_counts, complete_shape, unsupported_input
from workers.compression.values import Json

SHAPE_KEYS = ("batch_shape", "batch_input_shape")


def check_input(config: Json) -> None:
    """Refuse a model whose configuration says that it does not take one image.

    A configuration that does not tell is left to the loaders.

    Raises:
        CompressionError: several_inputs or unsupported_input.
    """
    inputs = [layer for layer in _input_layers(config) if isinstance(layer.get("config"), dict)]
    if config.get("class_name") in ("Functional", "Model") and inputs:
        check_counts(len(inputs), 1)
    for layer in inputs[:1]:
        _check_layer(layer["config"])


def _check_layer(config: Json) -> None:
    if config.get("dtype") == "string":
        raise unsupported_input("The model takes text, not images.")
    shape = next((config[key] for key in SHAPE_KEYS if isinstance(config.get(key), list)), None)
    if shape is not None:
        complete_shape(tuple(shape))


def _input_layers(config: Json) -> Iterator[Json]:
    """The layers through which the model takes its inputs."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(layers, list):
        return
    objects = [layer for layer in layers if isinstance(layer, dict)]
    if config.get("class_name") == "Sequential":
        yield from objects[:1]
        return
    names = set(_names(inner.get("input_layers"))) if isinstance(inner, dict) else set()
    for layer in objects:
        own = layer.get("config")
        if isinstance(own, dict) and {layer.get("name"), own.get("name")} & names:
            yield layer


def _names(references: Any) -> Iterator[str]:
    """The layers in ["input", 0, 0] or in [["input", 0, 0], ...]."""
    if isinstance(references, dict):
        references = list(references.values())
    if not isinstance(references, list) or not references:
        return
    if isinstance(references[0], str):
        yield references[0]
        return
    for each in references:
        yield from _names(each)
