"""Whether the teacher knows images turned as their EXIF orientation asks, or as they are stored.

Keras and TensorFlow decode JPEGs without their EXIF orientation; viewers and phones apply it.
"""

from workers.compression.images.input_scaling import candidates_of
from workers.compression.images.scaling_search import Answers, is_clearly_more, try_each
from workers.compression.images.scalings import is_usual, mean_and_std, scalings
from workers.compression.values import Spec, Split, Teacher


def prefers_stored(teacher: Teacher, spec: Spec, upright: Split, stored: Split) -> bool:
    """Whether the teacher classifies ``stored`` clearly better: the same images, not turned.

    Each version is judged with the usual scaling that suits it best.
    """
    correct = []
    for images in (upright, stored):
        known = scalings(*mean_and_std(images.features), teacher.input_shape[2])
        candidates = candidates_of(known, spec["input_scaling"])
        if spec["input_scaling"] is None:
            candidates = {name: known[name] for name in known if is_usual(name)}
        answers = Answers(teacher, images.features)
        trials = try_each(answers, candidates, images.labels, spec["teacher_output"])
        correct.append(max(trials, key=lambda trial: trial.accuracy).correct)
    return is_clearly_more(correct[1], correct[0])
