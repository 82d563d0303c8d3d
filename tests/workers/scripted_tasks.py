"""The Celery app of workers.tasks, except for the command that starts the child."""

import functools

from tests.workers.scripted_child import SCRIPTED_CHILD
from workers import tasks
from workers.worker_context import open_worker_context

vars(tasks)["open_worker_context"] = functools.partial(open_worker_context, command=SCRIPTED_CHILD)
app = tasks.app
