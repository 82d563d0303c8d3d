"""Keys with fewer rights than the first one has."""

from typing import Any

from httpx import Client


def create(api: Client, **wanted: Any) -> Any:
    """The new key, with its secret."""
    answer = api.post("/v1/keys", json={"name": "made", **wanted})
    assert answer.status_code == 201, answer.text
    return answer.json()


def headers(key: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['secret']}"}


def refusal(answer: Any) -> tuple[int, str]:
    """Status and code of an answer that is an error."""
    return answer.status_code, answer.json()["code"]
