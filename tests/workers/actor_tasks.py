"""The Celery app of workers.tasks, word for word, but for the command that starts the child."""

import functools

from tests.workers.actor import ACTOR
from workers import tasks
from workers.worker_context import open_worker_context

tasks.open_worker_context = functools.partial(open_worker_context, command=ACTOR)
app = tasks.app
