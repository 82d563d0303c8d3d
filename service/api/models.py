"""/v1/models: teachers (.keras, .h5, or a SavedModel as .zip or .tar.gz)."""

from service.api.reviewed import routes
from service.reviews import MODELS
from service.schemas import ModelView

router = routes(MODELS, ModelView)
