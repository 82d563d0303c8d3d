"""Teachers through the real loader processes; each start of one takes seconds."""

import resource
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from workers.compression.errors import CompressionError
from workers.compression.teacher import loading

IMAGES = np.random.default_rng(0).random((5, 16, 16, 3), np.float32)


def code_of(path: Path, tmp_path: Path) -> str:
    with pytest.raises(CompressionError) as caught:
        loading.load(path, tmp_path / "work")
    assert caught.value.hint
    return caught.value.code


def archived(module: tf.Module, tmp_path: Path) -> Path:
    """A SavedModel that serves ``module.serve``, as a .zip."""
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.serve)
    return Path(shutil.make_archive(str(tmp_path / "saved"), "zip", tmp_path / "saved"))


def test_a_keras_file_answers_like_its_model(stripe_teacher, tmp_path):
    found = loading.load(stripe_teacher, tmp_path / "work")
    own = keras.saving.load_model(stripe_teacher)
    assert (found.format, found.loader, found.input_shape, found.outputs) == (
        "keras",
        "keras",
        (16, 16, 3),
        3,
    )
    assert found.parameters == own.count_params()
    np.testing.assert_allclose(found.predict(IMAGES), own.predict(IMAGES, verbose=0), atol=1e-5)
    assert found.tflite is not None


def test_an_hdf5_file_under_another_name_loads(stripe_teacher, tmp_path):
    own = keras.saving.load_model(stripe_teacher)
    own.save(tmp_path / "model.h5")
    (tmp_path / "model.h5").rename(tmp_path / "model.bin")
    found = loading.load(tmp_path / "model.bin", tmp_path / "work")
    assert found.format == "hdf5"
    np.testing.assert_allclose(found.predict(IMAGES), own.predict(IMAGES, verbose=0), atol=1e-5)


def test_a_saved_model_loads_through_its_signature(stripe_teacher, tmp_path):
    own = keras.saving.load_model(stripe_teacher)
    own.export(tmp_path / "saved", verbose=False)
    path = Path(shutil.make_archive(str(tmp_path / "saved"), "gztar", tmp_path / "saved"))
    found = loading.load(path, tmp_path / "work")
    assert (found.format, found.parameters) == ("saved_model", own.count_params())
    np.testing.assert_allclose(found.predict(IMAGES), own.predict(IMAGES, verbose=0), atol=1e-5)


class Frozen(tf.Module):
    """A model as converters from other frameworks write it: its weights are constants."""

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def serve(self, x):
        return tf.reduce_mean(x, axis=(1, 2)) @ tf.constant(
            np.arange(15, dtype=np.float32).reshape(3, 5)
        )


def test_the_weights_of_a_frozen_saved_model_are_counted(tmp_path):
    assert loading.load(archived(Frozen(), tmp_path), tmp_path / "work").parameters == 15


class OneByOne(tf.Module):
    """A model with a fixed batch inside the graph, as other frameworks export it."""

    weights = np.random.default_rng(1).random((768, 3), np.float32)

    @tf.function(input_signature=[tf.TensorSpec([1, 16, 16, 3])])
    def serve(self, x):
        return tf.reshape(x, (1, 768)) @ tf.constant(self.weights)


def test_a_model_that_takes_one_image_at_a_time_gets_them_one_by_one(tmp_path):
    module = OneByOne()
    found = loading.load(archived(module, tmp_path), tmp_path / "work")
    np.testing.assert_allclose(
        found.predict(IMAGES), IMAGES.reshape(5, 768) @ module.weights, rtol=1e-4
    )
    assert found.description["input"]["shape"] == [1, 16, 16, 3]


class Checked(tf.Module):
    """A model that checks its input: values must be at most 1."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def serve(self, x):
        with tf.control_dependencies([tf.debugging.assert_less_equal(x, 1.0)]):
            return tf.reduce_mean(x, axis=(1, 2))


def test_a_model_that_checks_its_input_leads_to_an_error_with_a_hint(tmp_path):
    found = loading.load(archived(Checked(), tmp_path), tmp_path / "work")
    assert found.description["size_assumed"]
    assert found.input_shape == (224, 224, 3)
    images = np.full((1, 224, 224, 3), 2.0, np.float32)
    with pytest.raises(CompressionError) as caught:
        found.predict(images)
    assert (caught.value.code, bool(caught.value.hint)) == ("unsupported_input", True)


class OtherSize(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def serve(self, x):
        return tf.reshape(x, (-1, 768)) @ tf.constant(OneByOne.weights)


def test_a_model_that_fails_at_the_assumed_size_is_refused(tmp_path):
    with pytest.raises(CompressionError) as caught:
        loading.load(archived(OtherSize(), tmp_path), tmp_path / "work")
    assert caught.value.code == "unsupported_input"
    assert "224 x 224" in caught.value.hint and "input_size" in caught.value.hint


def test_a_model_of_any_size_is_given_the_first_one_that_it_accepts(tmp_path):
    path = archived(OtherSize(), tmp_path)
    found = loading.load(path, tmp_path / "work", [(10, 10), (16, 16), (32, 8)])
    assert found.input_shape == (16, 16, 3)


def test_a_model_beyond_the_workers_limits_is_not_called_damaged(tmp_path):
    keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(1000)]
    ).save(tmp_path / "wide.keras")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024**2, before[1]))
    try:
        assert code_of(tmp_path / "wide.keras", tmp_path) == "file_too_large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Reader(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def serve(self, x):
        size = tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)
        return tf.reduce_mean(x, axis=(1, 2)) + size


class Writer(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def serve(self, x):
        written = tf.raw_ops.SaveV2(
            prefix="written", tensor_names=["x"], shape_and_slices=[""], tensors=[x]
        )
        with tf.control_dependencies([written]):
            return tf.reduce_mean(x, axis=(1, 2))


class Vocabulary(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def serve(self, x):
        table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
        read = tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=table, filename="/etc/hostname", key_index=-2, value_index=-1
        )
        with tf.control_dependencies([read]):
            return tf.reduce_mean(x, axis=(1, 2))


@pytest.mark.parametrize("kind", [Reader, Writer, Vocabulary])
def test_a_saved_model_that_reads_or_writes_files_is_refused(tmp_path, kind):
    assert code_of(archived(kind(), tmp_path), tmp_path) == "unsafe_operation"


def test_a_model_with_two_inputs_is_refused(tmp_path):
    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([one, two]))
    keras.Model([one, two], keras.layers.Dense(3)(x)).save(tmp_path / "two.keras")
    assert code_of(tmp_path / "two.keras", tmp_path) == "several_inputs"


def test_a_model_that_takes_no_images_is_refused(tmp_path):
    keras.Sequential([keras.Input((10,)), keras.layers.Dense(3)]).save(tmp_path / "vector.keras")
    assert code_of(tmp_path / "vector.keras", tmp_path) == "unsupported_input"
