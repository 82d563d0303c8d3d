"""What the signature of a hostile SavedModel computes: each takes TensorFlow and the image."""

from typing import Any


def read_file(tf: Any, image: Any) -> Any:
    return tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32)


def write_file(tf: Any, image: Any) -> Any:
    with tf.control_dependencies([tf.io.write_file("/tmp/l2c-evil.png", "x")]):
        return tf.constant(0.0)


def matching_files(tf: Any, image: Any) -> Any:
    return tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)


def py_function(tf: Any, image: Any) -> Any:
    return tf.py_function(lambda: 0.0, [], tf.float32)


def numpy_function(tf: Any, image: Any) -> Any:
    return tf.numpy_function(lambda: 0.0, [], tf.float32)


def print_out(tf: Any, image: Any) -> Any:
    with tf.control_dependencies([tf.print("x", output_stream="file:///tmp/l2c-evil.png")]):
        return tf.constant(0.0)


def text_dataset(tf: Any, image: Any) -> Any:
    lines = tf.data.TextLineDataset("/etc/passwd")
    return tf.cast(lines.reduce(0, lambda count, _: count + 1), tf.float32)


def whole_file_reader(tf: Any, image: Any) -> Any:
    reader = tf.raw_ops.WholeFileReaderV2(container="", shared_name="")
    return tf.cast(tf.raw_ops.ReaderNumRecordsProducedV2(reader_handle=reader), tf.float32)


def restore(tf: Any, image: Any) -> Any:
    read = tf.raw_ops.RestoreV2(
        prefix="/tmp/elsewhere", tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
    )
    return tf.ensure_shape(read[0], [4])


def save_checkpoint(tf: Any, image: Any) -> Any:
    write = tf.raw_ops.SaveV2(
        prefix="/tmp/l2c-evil.png", tensor_names=["x"], shape_and_slices=[""], tensors=[image]
    )
    with tf.control_dependencies([write]):
        return tf.constant(0.0)


def abort(tf: Any, image: Any) -> Any:
    with tf.control_dependencies([tf.raw_ops.Abort(error_msg="x", exit_without_error=False)]):
        return tf.constant(0.0)


def immutable_const(tf: Any, image: Any) -> Any:
    return tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[4], memory_region_name="/etc/passwd")


def summary(tf: Any, image: Any) -> Any:
    writer = tf.raw_ops.SummaryWriter(shared_name="", container="")
    made = tf.raw_ops.CreateSummaryFileWriter(
        writer=writer, logdir="/tmp/l2c-evil.png", max_queue=1, flush_millis=1, filename_suffix="x"
    )
    with tf.control_dependencies([made]):
        return tf.constant(0.0)


def in_a_branch(tf: Any, image: Any) -> Any:
    """Read a file in a branch of a loop, two functions deep."""
    inner = tf.function(
        lambda: tf.cond(
            image[0, 0, 0, 0] > 2.0, lambda: read_file(tf, image), lambda: tf.constant(0.0)
        )
    )
    return tf.function(lambda: inner())()


def endless(tf: Any, image: Any) -> Any:
    return tf.while_loop(lambda x: x < 1.0, lambda x: [x * 0.5], [tf.reduce_mean(image) * 0.0])[0]


def huge_zeros(tf: Any, image: Any) -> Any:
    side = tf.cast(tf.shape(image)[1], tf.int64) * 200_000
    return tf.reduce_mean(tf.zeros([side, side]) + image[0, 0, 0, 0])


def growing(tf: Any, image: Any) -> Any:
    """A tensor that doubles a hundred times."""
    grow = tf.while_loop(
        lambda i, x: i < 100,
        lambda i, x: [i + 1, tf.concat([x, x], 0)],
        [0, image[0, 0, 0]],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )
    return tf.reduce_mean(grow[1])


OUTSIDE = {
    "ReadFile": read_file,
    "WriteFile": write_file,
    "MatchingFiles": matching_files,
    "EagerPyFunc": py_function,
    "PyFunc": numpy_function,
    "PrintV2 into a file": print_out,
    "TextLineDataset": text_dataset,
    "WholeFileReader": whole_file_reader,
    "RestoreV2": restore,
    "SaveV2": save_checkpoint,
    "Abort": abort,
    "ImmutableConst": immutable_const,
    "SummaryWriter": summary,
    "ReadFile in a branch, two functions deep": in_a_branch,
}
