"""A key may do what its scopes name, and cannot make a key that may do more."""

from typing import Any

import pytest
from httpx import Client

from service.app import create_app
from service.app_context import AppContext
from service.contract.account_views import SCOPES
from service.contract.settings import Settings
from tests.service import stand_in
from tests.service.accounts import key_of

FORBIDDEN = (403, "forbidden")
NEEDED = {
    "read": ["GET jobs", "GET jobs/{job}/events", "GET models/{model}", "GET variants"],
    "upload": ["POST uploads", "PUT uploads/{upload}/parts/1", "DELETE models/{model}"],
    "jobs": ["POST jobs", "POST jobs/{job}/cancel", "DELETE jobs/{job}"],
    "keys": ["GET keys", "POST keys", "DELETE keys/key_0"],
}


def test_every_route_names_one_scope() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    needed = {
        f"{method.upper()} {path}": operation["security"][0]["HTTPBearer"]
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith("/v1")
    }
    assert [route for route, scopes in needed.items() if len(scopes) != 1] == []
    for route, (scope,) in needed.items():
        method, path = route.split()
        if path.startswith("/v1/keys"):
            assert scope == "keys", route
        elif method in ("GET", "HEAD"):
            assert scope == "read", route
        else:
            of_jobs = path.startswith(("/v1/jobs", "/v1/webhooks"))
            assert scope == ("jobs" if of_jobs else "upload"), route


@pytest.mark.parametrize("scope", NEEDED)
def test_a_key_opens_what_its_scopes_name_and_does_not_tell_what_else_exists(
    api: Client, context: AppContext, scope: str
) -> None:
    job = stand_in.submit(api, context)
    upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    real = {"job": job["id"], "model": job["model_id"], "upload": upload}
    unknown = {"job": "job_0", "model": "mod_0", "upload": "upl_0"}
    others = [each for each in SCOPES if each != scope]
    lacking = key_of.headers(key_of.create(api, scopes=others))
    having = key_of.headers(key_of.create(api, scopes=[scope]))
    for method, path in (each.split() for each in NEEDED[scope]):
        told = [
            api.request(method, f"/v1/{path.format(**ids)}", headers=lacking)
            for ids in (real, unknown)
        ]
        assert [key_of.refusal(answer) for answer in told] == [FORBIDDEN] * 2
        assert told[0].text == told[1].text and scope in told[0].json()["detail"]
        if "events" not in path:
            allowed = api.request(method, f"/v1/{path.format(**real)}", headers=having)
            assert allowed.status_code not in (401, 403), (method, path)
    for other in set(NEEDED) - {scope}:
        method, path = NEEDED[other][0].split()
        assert key_of.refusal(api.request(method, f"/v1/{path}", headers=having)) == FORBIDDEN


def test_a_new_key_has_as_much_as_the_one_that_makes_it_and_never_more(api: Client) -> None:
    assert key_of.create(api)["scopes"] == list(SCOPES)
    limited = key_of.create(api, scopes=["keys", "read", "read"])
    assert limited["scopes"] == ["read", "keys"]
    headers = key_of.headers(limited)

    def make(**wanted: Any) -> Any:
        return api.post("/v1/keys", json={"name": "next", **wanted}, headers=headers)

    assert make().json()["scopes"] == ["read", "keys"]
    assert make(scopes=["read"]).json()["scopes"] == ["read"]
    refused = make(scopes=["read", "jobs"])
    assert key_of.refusal(refused) == FORBIDDEN and "jobs" in refused.json()["detail"]
    for nonsense in ([], ["everything"]):
        assert key_of.refusal(make(scopes=nonsense)) == (422, "malformed")
    shown = api.get("/v1/keys").json()["items"]
    assert [key["scopes"] for key in shown][:2] == [["read"], ["read", "keys"]]
