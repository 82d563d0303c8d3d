import numpy as np
import pytest

from workers.compression.artifacts import accuracy


def test_top_k_is_the_share_of_labels_among_the_k_highest_scores():
    scores = np.array([[5, 4, 3], [5, 4, 3], [5, 4, 3]])
    labels = np.array([0, 1, 2])
    assert accuracy.top_k(scores, labels, 1) == pytest.approx(1 / 3)
    assert accuracy.top_k(scores, labels, 2) == pytest.approx(2 / 3)
    assert accuracy.accuracies(scores, labels)["top3"] == 1.0


def test_equal_quantized_scores_count_with_their_probability():
    assert accuracy.top_k(np.array([[9, 0, 0, 0, 0]]), np.array([3]), 3) == pytest.approx(0.5)
    assert accuracy.top_k(np.array([[7, 7]]), np.array([0]), 1) == pytest.approx(0.5)


def test_accuracy_per_class_leaves_out_classes_without_images():
    correct, labels = np.array([True, False, True]), np.array([0, 0, 2])
    assert accuracy.per_class(correct, labels, ("a", "b", "c")) == {"a": 0.5, "c": 1.0}


def test_accuracy_per_class_is_left_out_for_many_classes():
    classes = tuple(map(str, range(1_001)))
    assert accuracy.per_class(np.array([True]), np.array([0]), classes) == {}
