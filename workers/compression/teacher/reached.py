"""Which operations of a SavedModel its loading and its signature reach.

A file also holds functions that nothing here calls, e.g. the one that adapts a Normalization layer.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow.core.framework import graph_pb2, node_def_pb2
    from tensorflow.core.protobuf import meta_graph_pb2, saved_object_graph_pb2

SERVING_SIGNATURE = "serving_default"
RUN_WHILE_LOADING = ("_create_resource", "_initialize", "_destroy_resource", "_initializer")


def reached_operations(meta: "meta_graph_pb2.MetaGraphDef") -> Iterator[str]:
    """The operations that run when the model is loaded and when its signature is called.

    All of them where the file does not tell (TensorFlow 1).
    """
    roots = list(_root_functions(meta.object_graph_def))
    if not roots:
        yield from operation_names(meta.graph_def)
        return
    functions = {each.signature.name: each for each in meta.graph_def.library.function}
    seen: set[str] = set()
    while roots:
        name = roots.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in functions[name].node_def:
            yield node.op
            roots += _called(node)
            if node.op in functions:
                # A function may also be called like an operation.
                roots.append(node.op)
        roots += _gradients(meta.graph_def, name)


def operation_names(graph: "graph_pb2.GraphDef") -> Iterator[str]:
    """The operations in a GraphDef and its functions."""
    for node in graph_nodes(graph):
        yield node.op


def graph_nodes(graph: "graph_pb2.GraphDef") -> Iterator["node_def_pb2.NodeDef"]:
    """The nodes of a GraphDef and its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _root_functions(objects: "saved_object_graph_pb2.SavedObjectGraph") -> Iterator[str]:
    """The functions of the signature, and those that run while the model is loaded."""
    for number, node in enumerate(objects.nodes):
        for child in node.children:
            if number == 0 and child.local_name == "signatures":
                yield from _signature_functions(objects, child.node_id)
            elif child.local_name in RUN_WHILE_LOADING:
                yield from _functions_of(objects, child.node_id)


def _signature_functions(
    objects: "saved_object_graph_pb2.SavedObjectGraph", number: int
) -> Iterator[str]:
    """Those of the serving signature; of all signatures where there is none of this name."""
    children = objects.nodes[number].children
    serving = [child for child in children if child.local_name == SERVING_SIGNATURE]
    for child in serving or children:
        yield from _functions_of(objects, child.node_id)


def _functions_of(objects: "saved_object_graph_pb2.SavedObjectGraph", number: int) -> Iterator[str]:
    node = objects.nodes[number]
    yield from node.function.concrete_functions
    if node.bare_concrete_function.concrete_function_name:
        yield node.bare_concrete_function.concrete_function_name


def _called(node: "node_def_pb2.NodeDef") -> Iterator[str]:
    """The functions that a node names in its attributes."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for function in value.list.func:
            yield function.name


def _gradients(graph: "graph_pb2.GraphDef", name: str) -> Iterator[str]:
    for gradient in graph.library.gradient:
        if gradient.function_name == name:
            yield gradient.gradient_func
