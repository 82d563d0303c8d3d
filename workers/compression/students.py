"""Which students are trained: one plan per variant."""

from workers.compression.recipe import Recipe
from workers.compression.values import StudentPlan


def plan(recipe: Recipe, classes: int) -> tuple[StudentPlan, ...]:
    """The recipe's students, widest first; each one's kernels are leading slices of the one before."""
    return tuple(
        StudentPlan(name, width, recipe.depth, recipe.input_shape, classes)
        for name, width in zip(recipe.names, recipe.widths, strict=True)
    )
