"""``l2c compress MODEL DATA --out DIR``: the whole way in one command."""

from pathlib import Path
from typing import Annotated

import typer

from learn2compress.cli import figures, results, specs, uploading, watching
from learn2compress.cli.console import Json, Key, Url, connect, emit

File = typer.Argument(exists=True, dir_okay=False, readable=True)


def compress(
    model: Annotated[Path, File],
    data: Annotated[Path, File],
    out: results.Out,
    effort: specs.Effort = "standard",
    seed: specs.Seed = 0,
    input_scaling: specs.InputScaling = None,
    teacher_output: specs.TeacherOutput = None,
    class_names: specs.ClassNames = None,
    family: specs.Family = "auto",
    teacher: specs.Teacher = "fixed",
    sparsity: specs.Sparsity = 0.0,
    quantizations: specs.Quantizations = None,
    variants: specs.Variants = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Upload a model and its data, compress it, and download the results.

    MODEL is a .keras, a .h5, or a SavedModel as .zip or .tar.gz; DATA an archive of class folders.
    """
    wanted = specs.spec(
        effort=effort,
        seed=seed,
        input_scaling=input_scaling,
        teacher_output=teacher_output,
        class_names=class_names,
        family=family,
        teacher=teacher,
        sparsity=sparsity,
        quantizations=quantizations,
        variants=variants,
    )
    results.make_folder(out)
    with connect(url, key) as client:
        with uploading.transfer_bars(quiet=json) as bars:
            network = uploading.send(client, "models", model, bars)
            images = uploading.send(client, "datasets", data, bars)
        uploading.wait_until_ready(client, "models", network.id, quiet=json)
        uploading.wait_until_ready(client, "datasets", images.id, quiet=json)
        job = watching.watch(client, client.submit(network.id, images.id, wanted).id, quiet=json)
        results.demand_success(job)
        with uploading.transfer_bars(quiet=json) as bars:
            results.fetch(client, job, out, bars)
    emit(job) if json else figures.show(job)
    results.demand_budgets(job)
