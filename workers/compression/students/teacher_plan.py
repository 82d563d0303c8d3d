"""The teacher as a student of full width, for family ``pruned`` and a trained teacher."""

from workers.compression.errors import CompressionError
from workers.compression.student_values import TEACHER, StudentPlan
from workers.compression.teacher.channel_importance import sort_channels
from workers.compression.teacher.graph_loading import read_graph, scale_input, with_two_classes
from workers.compression.values import PreparedTeacher


def teacher_as_plan(teacher: PreparedTeacher, classes: int) -> StudentPlan:
    """A plan with the teacher's graph, its channels sorted by importance.

    It takes what students take, at the teacher's size.

    Raises:
        CompressionError: teacher_not_prunable.
    """
    if teacher.loaded.tflite is None:
        raise _not_prunable("The teacher could not be converted to .tflite, which is needed here.")
    if teacher.input_map is None:
        raise _not_prunable("The teacher's images are standardized one by one outside of it.")
    graph = with_two_classes(sort_channels(read_graph(teacher.loaded.tflite)))
    graph = scale_input(graph, *teacher.input_map)
    return StudentPlan(
        name=TEACHER,
        variant=TEACHER,
        family="pruned",
        width=100,
        depth=1,
        input_shape=teacher.loaded.input_shape,
        classes=classes,
        graph=graph,
    )


def _not_prunable(message: str) -> CompressionError:
    hint = "Choose another family and a fixed teacher."
    return CompressionError("teacher_not_prunable", message, hint)
