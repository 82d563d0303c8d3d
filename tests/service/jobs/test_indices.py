"""Lists are read from indices, so that they cost the same with many rows."""

from typing import Any

from sqlalchemy import event

from service.app_context import AppContext
from service.contract.records import Job


def test_a_page_of_jobs_is_read_in_the_order_of_an_index(
    embedded_api: Any,
) -> None:
    context: AppContext = embedded_api.app.state.context
    asked: list[tuple[str, Any]] = []
    engine = context.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    assert embedded_api.get("/v1/jobs").status_code == 200
    statement, values = next(each for each in asked if f"FROM {Job.__tablename__}" in each[0])
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    told = " ".join(str(row) for row in plan)
    assert "ix_jobs_of_account" in told and "TEMP B-TREE" not in told
