"""The OpenAPI description types everything, so that a generated client has attributes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from service.app import create_app
from service.contract.errors import Learn2CompressError
from service.contract.settings import Settings
from tests.service.test_documentation import every

MAPS = {"scaling_accuracies", "labels", "per_class", "metrics", "train", "val", "test", "all"}
"""Fields that are maps: labels, figures per class and per student, counts per class."""


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def objects(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of type object below ``node``, with the path to it."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield place, node
        for name, child in node.items():
            if name not in ("examples", "example"):
                yield from objects(child, f"{place}.{name}")
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from objects(child, f"{place}.{number}")


def test_no_object_is_untyped_and_maps_have_typed_values(description: dict[str, Any]) -> None:
    untyped = []
    for place, schema in objects(description, ""):
        values = schema.get("additionalProperties")
        field = [part for part in place.split(".") if not part.isdigit() and part != "anyOf"][-1]
        is_map = isinstance(values, dict) and bool(values) and field in MAPS
        if "properties" not in schema and not is_map:
            untyped.append(place)
    assert untyped == []


def test_no_schema_allows_anything(description: dict[str, Any]) -> None:
    def empty(node: Any, place: str) -> Iterator[str]:
        if isinstance(node, dict):
            if node.get("schema") == {}:
                yield place
            for name, child in node.items():
                yield from empty(child, f"{place} {name}")

    assert list(empty(description, "")) == []


def test_every_schema_that_is_referred_to_exists(description: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for child in node.values():
                yield from references(child)
        elif isinstance(node, list):
            for child in node:
                yield from references(child)

    schemas = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert set(references(description)) <= schemas


def test_a_route_that_answers_head_says_so(description: dict[str, Any]) -> None:
    operations = description["paths"]["/v1/variants/{variant_id}/file"]
    assert set(operations) == {"get", "head"}
    assert operations["get"]["operationId"] != operations["head"]["operationId"]


def test_every_error_has_a_hint() -> None:
    assert [error.code for error in every(Learn2CompressError) if not error.hint] == []


def test_the_page_of_the_api_loads_nothing_from_other_hosts(api: Any) -> None:
    page = api.get("/docs").text
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert len(addresses) >= 3
    for address in addresses:
        assert address.startswith("/docs/files/")
        assert api.get(address).status_code == 200
    assert "https://" not in page
