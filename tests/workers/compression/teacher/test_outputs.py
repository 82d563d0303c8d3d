import numpy as np
import pytest

from workers.compression.teacher import outputs


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[0.2, 0.8], [0.5, 0.5]], "softmax"),
        ([[0.9, 0.8], [0.1, 0.0]], "sigmoid"),
        ([[0.7], [0.1]], "sigmoid"),
        ([[3.0, -1.0], [0.0, 2.0]], "logits"),
        ([[3.0, 0.0], [0.0, 7.0]], "logits"),
    ],
)
def test_the_kind_of_output_is_recognized_by_its_values(values, kind):
    assert outputs.output_kind(np.array(values)) == kind


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "logits"])
def test_logits_keep_the_order_of_the_outputs(kind):
    values = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], np.float32)
    assert np.array_equal(outputs.as_logits(values, kind).argsort(1), values.argsort(1))


def test_one_sigmoid_becomes_two_classes():
    logits = outputs.as_logits(np.array([[0.9], [0.2]]), "sigmoid")
    assert logits.argmax(1).tolist() == [1, 0]
