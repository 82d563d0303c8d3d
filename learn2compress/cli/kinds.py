"""Models and datasets as the commands see them: the same verbs, other methods of the client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from learn2compress.client import Client


@dataclass(frozen=True)
class Kind:
    """``job_filter`` is the filter of ``Client.list_jobs`` for jobs that use a record."""

    noun: str
    job_filter: str
    create: Callable[..., Any]
    get: Callable[..., Any]
    list: Callable[..., Any]
    wait_for: Callable[..., Any]
    inspect: Callable[..., Any]
    delete: Callable[..., Any]


MODELS = Kind(
    "model",
    "model_id",
    Client.create_model,
    Client.get_model,
    Client.list_models,
    Client.wait_for_model,
    Client.inspect_model,
    Client.delete_model,
)
DATASETS = Kind(
    "dataset",
    "dataset_id",
    Client.create_dataset,
    Client.get_dataset,
    Client.list_datasets,
    Client.wait_for_dataset,
    Client.inspect_dataset,
    Client.delete_dataset,
)
