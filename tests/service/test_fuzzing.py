"""schemathesis makes requests from the OpenAPI description; nothing may end in a 500 or in an
undescribed answer.
"""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from httpx import Client
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation.stateful.state_machine import StepInput

from service.contract.settings import Settings
from tests.service import stand_in
from tests.service.described import APP, CHECKS, DESCRIBED, as_new_account, lent

Case = schemathesis.Case[Any]
THOROUGH = settings.get_current_profile_name() == "thorough"
# Few in `make test`; those of the profile in `make bench-fuzz`.
EXAMPLES, SEQUENCES = (460, 400) if THOROUGH else (12, 30)
STEPS = 8
OPTIONS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "derandomize": True,
}


@pytest.fixture
def embedded(embedded: Settings) -> Settings:
    """Without limits of requests, because some are sent without a key on purpose."""
    return embedded.model_copy(update={"requests_per_minute": 0, "failed_keys_per_minute": 0})


@pytest.fixture
def known(embedded_api: Client) -> Iterator[dict[str, str]]:
    with lent(embedded_api) as ids:
        yield ids


@DESCRIBED.parametrize()
@settings(max_examples=EXAMPLES, **OPTIONS)
def test_no_request_is_a_server_error(
    case: Case, embedded_api: Client, known: dict[str, str]
) -> None:
    for name in set(case.path_parameters) & set(known):
        if random.Random(str(case.path_parameters)).random() < 0.5:
            case.path_parameters[name] = known[name]
    # Set on the case: the keys that schemathesis makes up come before those that are handed to the
    # call.
    case.headers["Authorization"] = embedded_api.headers["Authorization"]
    answer = case.call_and_validate(checks=CHECKS)
    left_out = (
        "Authorization" not in answer.request.headers
    )  # on purpose, in one case per operation
    assert left_out or answer.status_code != 401, "nothing behind the door was tested"


def test_no_sequence_of_requests_is_a_server_error(
    embedded_api: Client, known: dict[str, str], tmp_path: Path
) -> None:
    """Requests with ids from earlier answers; each sequence has a waiting and an ended job."""
    sent: Counter[str] = Counter()
    succeeded: Counter[str] = Counter()

    class Sequence(DESCRIBED.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            self.client = as_new_account(embedded_api)
            submitted = stand_in.submit(self.client, APP.state.context)
            create = DESCRIBED["/v1/jobs"]["POST"]
            body = {name: submitted[name] for name in ("model_id", "dataset_id")}
            for ends in (False, True):
                case = create.Case(body=body)
                self.recorder.record_case(case=case)
                output = self._step(StepInput.initial(case))
                if ends:
                    stand_in.succeed(APP.state.context, output.response.json()["id"], tmp_path)
                self._add_results_to_targets(("",), [output])

        def before_call(self, case: Case) -> None:
            case.headers["Authorization"] = self.client.headers["Authorization"]

        def after_call(self, response: Any, case: Case) -> None:
            super().after_call(response, case)
            sent[case.operation.label] += 1
            if response.status_code < 300:
                succeeded[case.operation.label] += 1

        def validate_response(self, response: Any, case: Case, **options: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    # Without the phases that repeat: the same requests create things with other ids.
    once = {**OPTIONS, "stateful_step_count": STEPS, "phases": [Phase.generate]}
    Sequence.run(settings=settings(max_examples=SEQUENCES, **once))
    print(f"{sent.total()} requests in sequences, {succeeded.total()} of them successful")
    with_ids = sum(count for label, count in succeeded.items() if "{" in label)
    assert with_ids > SEQUENCES / 2, "the requests build on no others"
