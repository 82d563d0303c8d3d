"""``l2c compress MODEL DATA --out DIR``: the whole way in one command."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.cli import results, uploading, watching
from service.cli.console import Json, Key, Url, connect, emit
from service.contract.job import InputScaling, JobSpec, TeacherOutput

File = typer.Argument(exists=True, dir_okay=False, readable=True)
Effort = Literal["draft", "standard", "thorough"]


def compress(
    model: Annotated[Path, File],
    data: Annotated[Path, File],
    out: results.Out,
    effort: Annotated[Effort, typer.Option(help="How long to train.")] = "standard",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the split, the weights and the batches.")] = 0,
    input_scaling: Annotated[
        InputScaling | None, typer.Option(help="What the teacher expects; found out when left out.")
    ] = None,
    teacher_output: Annotated[
        TeacherOutput | None, typer.Option(help="What the teacher returns; found out when left out.")
    ] = None,
    class_name: Annotated[
        list[str] | None, typer.Option(help="Folder name of the next output of the teacher; repeat for each.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Upload a model and its data, compress it, and download the results.

    MODEL is a .keras, a .h5, or a SavedModel as .zip or .tar.gz; DATA an archive of class folders.
    """
    spec: dict[str, Any] = {"effort": effort, "seed": seed, "input_scaling": input_scaling}
    spec |= {"teacher_output": teacher_output, "class_names": class_name or None}
    wanted = JobSpec.model_validate(spec)
    results.make_folder(out)
    with connect(url, key) as client:
        with uploading.transfer_bars(quiet=json) as bars:
            teacher = uploading.send(client, "models", model, bars)
            images = uploading.send(client, "datasets", data, bars)
        uploading.wait_until_ready(client, "models", teacher.id, quiet=json)
        uploading.wait_until_ready(client, "datasets", images.id, quiet=json)
        job = watching.watch(client, client.submit(teacher.id, images.id, wanted).id, quiet=json)
        results.demand_success(job)
        with uploading.transfer_bars(quiet=json) as bars:
            results.fetch(client, job, out, bars)
    emit(job) if json else results.show(job)
