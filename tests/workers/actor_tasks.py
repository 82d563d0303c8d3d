"""The Celery app of workers.tasks, word for word, but for the command that starts the child."""

import functools

from tests.workers.actor import ACTOR
from workers import tasks
from workers.workshop import open_workshop

tasks.open_workshop = functools.partial(open_workshop, command=ACTOR)
app = tasks.app
