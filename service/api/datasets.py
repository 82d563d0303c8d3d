"""/v1/datasets: archives of class folders (.zip, .tar, .tar.gz)."""

from service.api.reviewed import routes
from service.reviews import DATASETS
from service.schemas import DatasetView

router = routes(DATASETS, DatasetView)
