from dataclasses import replace

import numpy as np

from tests.workers.compression.training.test_fitting import RECIPE, data, joint
from workers.compression.training import fitting, pruning


def test_the_smallest_weights_go():
    kernel = np.array([[[[0.1, -3.0, 0.2, 1.0]]]], np.float32)
    assert pruning.mask(kernel, 0.5).ravel().tolist() == [0, 1, 0, 1]
    assert pruning.mask(kernel, 0.0).sum() == 4


def test_sparsity_grows_and_stays():
    recipe = replace(RECIPE, sparsity=0.6, epochs=4)
    model, layers = joint(recipe)
    seen = []

    class Watch(pruning.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(
                float((np.asarray(layers["large"].convolutions["stem"].kernel) == 0).mean())
            )

    pruner = pruning.Pruner(layers.values(), recipe.sparsity, recipe.epochs)
    fitting.fit(model, recipe.phases[0], *data(), None, [pruner, Watch()])
    assert seen == sorted(seen) and seen[0] == 0.0
    assert seen[-2:] == [seen[-1]] * 2 and abs(seen[-1] - 0.6) < 0.01
    kernels = [
        unit.kernel
        for own in layers.values()
        for name, unit in own.convolutions.items()
        if name != "logits"
    ]
    assert min(float((np.asarray(kernel) == 0).mean()) for kernel in kernels) > 0.55
