"""/v1/datasets: archives of class folders (.zip, .tar, .tar.gz)."""

from service.api.inspected import routes
from service.contract.views import DatasetView
from service.jobs.inspections import DATASETS

router = routes(DATASETS, DatasetView)
