"""/v1/models: teachers (.keras, .h5, or a SavedModel as .zip or .tar.gz)."""

from service.api.inspected import routes
from service.contract.views import ModelView
from service.jobs.inspections import MODELS

router = routes(MODELS, ModelView)
