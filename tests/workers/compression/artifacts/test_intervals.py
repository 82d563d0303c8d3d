import numpy as np
import pytest

from workers.compression.artifacts.intervals import paired_difference, wilson


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    # The first row is the example of Newcombe 1998 (81 of 263), in his table I.
    [(81 / 263, 263, 0.2553, 0.3662), (0.0, 20, 0.0, 0.1611), (1.0, 29, 0.8830, 1.0)],
)
def test_the_interval_of_a_share(share, count, low, high):
    found = wilson(share, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_lies_in_its_interval(share):
    found = [wilson(share, count) for count in range(1, 3_000)]
    assert all(each.low <= share <= each.high for each in found)


def test_a_difference_on_the_same_examples_is_known_better_than_two_shares_are():
    teacher = np.repeat([1.0, 0.0], [900, 100])
    student = teacher.copy()
    student[:30] = 0.0
    found = paired_difference(student, teacher)
    assert found.value == pytest.approx(-0.03)
    assert found.low < -0.03 < found.high < 0
    # Apart from each other, the two intervals overlap.
    assert wilson(student.mean(), 1000).high > wilson(teacher.mean(), 1000).low


def test_equal_answers_leave_a_small_interval_around_zero():
    correct = np.ones(200)
    found = paired_difference(correct, correct)
    assert found.value == 0.0 and -0.02 < found.low < 0 < found.high < 0.02


def test_the_interval_holds_the_true_difference_in_95_of_100_experiments():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2_000):
        both = rng.random((2, 150)) < np.array([[0.8], [0.7]])
        found = paired_difference(*both.astype(float))
        hits += found.low <= 0.1 <= found.high
    assert 0.935 < hits / 2_000 < 0.975
