"""``l2c compress MODEL DATA --out DIR``: the whole way in one command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from learn2compress.cli import figures, results, uploading, watching
from learn2compress.cli.console import (
    DeviceOption,
    Json,
    Key,
    LabelOption,
    NameOption,
    PriorityOption,
    Url,
    connect,
    emit,
    label_options,
)
from learn2compress.cli.kinds import DATASETS, MODELS, Kind
from learn2compress.client import Client
from learn2compress.job_options import with_spec_options
from service.contract.devices import Device
from service.contract.job import DEFAULT_PRIORITY, JobSpec

File = typer.Argument(exists=True, dir_okay=False, readable=True)


@with_spec_options
def compress(
    spec: JobSpec,
    out: results.Out,
    model: Annotated[Path | None, File] = None,
    data: Annotated[Path | None, File] = None,
    model_id: Annotated[
        str | None, typer.Option("--model", help="Id of an uploaded model, in place of a file.")
    ] = None,
    dataset_id: Annotated[
        str | None, typer.Option("--dataset", help="Id of uploaded data, in place of a file.")
    ] = None,
    name: NameOption = None,
    priority: PriorityOption = DEFAULT_PRIORITY,
    device: DeviceOption = Device.ANY,
    label: LabelOption = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Upload a model and its data, compress the model, and download the results.

    MODEL is a .keras, a .h5, or a SavedModel as .zip or .tar.gz; DATA an archive of class folders.
    A file that was uploaded before is not sent again.
    """
    if model_id and model and data is None:
        # With --model the only file is the data.
        model, data = None, model
    _check_one(MODELS, model, model_id)
    _check_one(DATASETS, data, dataset_id)
    labels = label_options(label)
    results.make_folder(out)
    with connect(url, key) as client:
        with uploading.transfer_bars(quiet=json) as bars:
            model_id = model_id or _sent(client, MODELS, model, bars)
            dataset_id = dataset_id or _sent(client, DATASETS, data, bars)
        uploading.wait_until_ready(client, MODELS, model_id, quiet=json)
        uploading.wait_until_ready(client, DATASETS, dataset_id, quiet=json)
        created = client.create_job(model_id, dataset_id, spec, name, labels, priority, device)
        job = watching.watch(client, created.id, quiet=json)
        results.exit_unless_succeeded(job)
        with uploading.transfer_bars(quiet=json) as bars:
            results.fetch(client, job, out, bars)
    emit(job) if json else figures.show(job)
    results.exit_unless_budgets_kept(job)


def _check_one(kind: Kind, file: Path | None, record_id: str | None) -> None:
    if file is None and record_id is None:
        message = f"give a file, or --{kind.noun} with the id of an uploaded {kind.noun}"
        raise typer.BadParameter(message, param_hint=kind.noun.upper())
    if file is not None and record_id is not None:
        message = f"give either a file or --{kind.noun}, not both"
        raise typer.BadParameter(message, param_hint=kind.noun.upper())


def _sent(client: Client, kind: Kind, file: Path | None, bars: Progress) -> str:
    assert file is not None
    return str(uploading.find_or_send(client, kind, file, bars).id)
