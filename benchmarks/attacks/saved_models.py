"""Hostile SavedModels: operations that reach outside the graph, and graphs without an end."""

import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.attacks.hostile import READY, Hostile, hostile
from benchmarks.attacks.saved_model_operations import OUTSIDE, endless, growing, huge_zeros

Serve = Callable[[Any, Any], Any]
Change = Callable[[Path], object]
Writer = Callable[[Path], object]


def nothing(folder: Path) -> None:
    """Change nothing."""


def serving(serve: Serve, change: Change = nothing, keep: Any = None) -> Writer:
    """A zip of a SavedModel whose signature calls ``serve(tf, image)``; ``change`` its folder."""

    def write(path: Path) -> None:
        import tensorflow as tf

        spec = tf.TensorSpec([None, 8, 8, 3], name="image")
        module = tf.Module()
        module.weight = tf.Variable(tf.ones([3, 4]))
        module.kept = keep(tf) if keep else None
        module.serve = tf.function(
            lambda image: scores(tf, module, image) + serve(tf, image),
            input_signature=[spec],
            autograph=False,
        )
        save(tf, module, module.serve, path, change)

    return write


def save(tf: Any, module: Any, signature: Any, path: Path, change: Change = nothing) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "saved"
        tf.saved_model.save(module, str(folder), signatures=signature)
        change(folder)
        shutil.move(shutil.make_archive(name + "/made", "zip", folder), path)


def scores(tf: Any, module: Any, image: Any) -> Any:
    return tf.reduce_mean(image, axis=(1, 2)) @ module.weight


def nothing_more(tf: Any, image: Any) -> Any:
    return 0.0


def table(tf: Any) -> Any:
    """A table that is read from a file of the archive while the model is loaded."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("a\nb\n")
        file.flush()
        start = tf.lookup.TextFileInitializer(
            file.name,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        return tf.lookup.StaticHashTable(start, -1)


def unused_reader(tf: Any) -> Any:
    """A function that the signature does not call."""
    return tf.function(lambda: tf.io.read_file("/etc/passwd"), input_signature=[], autograph=False)


def two_inputs(path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3])
    module = tf.Module()
    module.serve = tf.function(
        lambda a, b: tf.reduce_mean(a + b, (1, 2)), [spec, spec], autograph=False
    )
    save(tf, module, module.serve, path)


def of_text(path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.serve = tf.function(
        tf.strings.length, [tf.TensorSpec([None], tf.string)], autograph=False
    )
    save(tf, module, module.serve, path)


def edited(edit: Callable[[Any], object]) -> Change:
    """Change the graph in the file."""

    def change(folder: Path) -> None:
        from tensorflow.core.protobuf import saved_model_pb2

        path = folder / "saved_model.pb"
        found = saved_model_pb2.SavedModel.FromString(path.read_bytes())
        edit(found.meta_graphs[0])
        path.write_bytes(found.SerializeToString())

    return change


def huge_constant(meta: Any) -> None:
    """Constants that state 2**62 values."""
    for function in meta.graph_def.library.function:
        for node in function.node_def:
            if node.op == "Const":
                tensor = node.attr["value"].tensor
                tensor.tensor_shape.dim.add(size=2**40)


def calls_itself(meta: Any) -> None:
    for function in meta.graph_def.library.function:
        call = function.node_def.add(name="again", op="PartitionedCall")
        call.attr["f"].func.name = function.signature.name


def asset_outside(meta: Any) -> None:
    asset = meta.asset_file_def.add(filename="../../../../../etc/passwd")
    asset.tensor_info.name = "asset:0"


def unknown_operation(meta: Any) -> None:
    for function in meta.graph_def.library.function:
        function.node_def.add(name="unknown", op="RunMyProgram")


def object_circle(meta: Any) -> None:
    for node in meta.object_graph_def.nodes:
        node.children.add(node_id=0, local_name="again")


def object_out_of_range(meta: Any) -> None:
    meta.object_graph_def.nodes[0].children[0].node_id = 2**30


def damaged(name: str, data: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(data)


def without_variables(folder: Path) -> None:
    shutil.rmtree(folder / "variables")


def linked(path: Path) -> None:
    """A tar whose variables are a link to a folder of the machine."""
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("saved/saved_model.pb")
        info.size = 1000
        archive.addfile(info, io.BytesIO(bytes(1000)))
        link = tarfile.TarInfo("saved/variables")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)


SAVED_MODELS: tuple[Hostile, ...] = (
    *(hostile(name, "unsafe_operation", serving(serve)) for name, serve in OUTSIDE.items()),
    hostile(
        "a table that is read from a file", "unsafe_operation", serving(nothing_more, keep=table)
    ),
    hostile(
        "ReadFile in a function that nothing calls",
        READY,
        serving(nothing_more, keep=unused_reader),
    ),
    hostile("a loop without an end", "inspection_timed_out", serving(endless)),
    hostile("a tensor of 10 TB", "out_of_memory model_not_loadable", serving(huge_zeros)),
    hostile(
        "a tensor that doubles 100 times", "out_of_memory model_not_loadable", serving(growing)
    ),
    hostile(
        "a constant that states 2**40 values",
        "model_not_loadable out_of_memory",
        serving(nothing_more, edited(huge_constant)),
    ),
    hostile(
        "a function that calls itself",
        "model_not_loadable",
        serving(nothing_more, edited(calls_itself)),
    ),
    hostile(
        "an asset outside the archive",
        f"model_not_loadable {READY}",
        serving(nothing_more, edited(asset_outside)),
    ),
    hostile(
        "an unknown operation",
        "model_not_loadable",
        serving(nothing_more, edited(unknown_operation)),
    ),
    hostile(
        "objects in a circle",
        f"{READY} model_not_loadable",
        serving(nothing_more, edited(object_circle)),
    ),
    hostile(
        "an object that does not exist",
        "model_not_loadable",
        serving(nothing_more, edited(object_out_of_range)),
    ),
    hostile(
        "a damaged saved_model.pb",
        "model_not_loadable",
        serving(nothing_more, damaged("saved_model.pb", b"\xff" * 500)),
    ),
    hostile(
        "a damaged index of variables",
        "model_not_loadable",
        serving(nothing_more, damaged("variables/variables.index", b"\xff" * 500)),
    ),
    hostile("no variables", "model_not_loadable", serving(nothing_more, without_variables)),
    hostile("variables behind a link", "unsafe_archive", linked),
    hostile("two inputs", "several_inputs", two_inputs),
    hostile("a model of texts", "unsupported_input", of_text),
)
