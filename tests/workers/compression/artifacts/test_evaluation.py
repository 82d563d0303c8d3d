import numpy as np
import pytest

from workers.compression.artifacts import evaluation


def test_top_k_counts_the_label_among_the_k_best():
    scores = np.array([[5, 4, 3], [5, 4, 3], [5, 4, 3]])
    labels = np.array([0, 1, 2])
    assert evaluation.top_k(scores, labels, 1) == pytest.approx(1 / 3)
    assert evaluation.top_k(scores, labels, 2) == pytest.approx(2 / 3)


def test_ties_of_quantized_scores_count_with_their_chance():
    assert evaluation.top_k(np.array([[9, 0, 0, 0, 0]]), np.array([3]), 3) == pytest.approx(0.5)
    assert evaluation.top_k(np.array([[7, 7]]), np.array([0]), 1) == pytest.approx(0.5)


def test_accuracy_per_class_leaves_out_classes_without_images():
    right, labels = np.array([True, False, True]), np.array([0, 0, 2])
    assert evaluation.per_class(right, labels, ("a", "b", "c")) == {"a": 0.5, "c": 1.0}
