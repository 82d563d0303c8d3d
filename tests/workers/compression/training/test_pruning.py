from dataclasses import replace

import keras
import numpy as np

from tests.workers.compression.training.test_fitting import RECIPE, data, joint_model
from workers.compression.training import fitting, pruning


def share_of_zeros(kernel):
    return float((np.asarray(kernel) == 0).mean())


def test_the_smallest_weights_are_removed():
    kernel = np.array([[[[0.1, -3.0, 0.2, 1.0]]]], np.float32)
    assert pruning.magnitude_mask(kernel, 0.5).ravel().tolist() == [0, 1, 0, 1]
    assert pruning.magnitude_mask(kernel, 0.0).sum() == 4


def test_the_sparsity_grows_and_then_stays():
    recipe = replace(RECIPE, sparsity=0.6, epochs=4)
    model, students = joint_model(recipe)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(share_of_zeros(students["large"].convolutions["stem"].kernel))

    pruner = pruning.Pruner(students.values(), recipe.sparsity, recipe.epochs)
    split, teacher = data()
    fitting.fit(model, recipe.phases[0], split, teacher, None, [pruner, Watch()])
    assert seen == sorted(seen) and seen[0] == 0.0
    assert seen[-2:] == [seen[-1]] * 2 and abs(seen[-1] - 0.6) < 0.01
    for student in students.values():
        for name, convolution in student.convolutions.items():
            assert name == "logits" or share_of_zeros(convolution.kernel) > 0.55
