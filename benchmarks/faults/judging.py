"""What became of a job after a fault."""

import hashlib
import time
from dataclasses import dataclass

from benchmarks.faults.site import Site
from service.contract.deletions import run_scheduled_deletions
from service.contract.job import FINISHED
from service.contract.object_keys import job_prefix
from service.contract.records import Job, JobEvent, Variant
from service.contract.s3_store import S3Store
from tests.waiting import eventually
from tests.workers.conftest import processes_of

SECONDS_TO_END = 600.0
SECONDS_TO_CLEAN = 60.0
NAMES = {"large", "medium", "small"}


@dataclass(frozen=True)
class Verdict:
    """``orphans``: objects, work folders and processes that nobody needs any more."""

    survived: bool
    why: str
    recovery_seconds: float
    epochs_repeated: int
    orphans: int
    attempts: int


def judge(site: Site, job_id: str) -> Verdict:
    """Call it when the fault is over."""
    over, before = time.monotonic(), site.jobs.row(job_id)
    eventually(lambda: has_moved(before, site.jobs.row(job_id)), SECONDS_TO_END)
    recovery = time.monotonic() - over
    eventually(lambda: site.jobs.row(job_id).state in FINISHED, SECONDS_TO_END)
    why = problem(site, job_id)
    return Verdict(
        not why,
        why,
        round(recovery, 2),
        repeated_epochs(site, job_id),
        orphans(site, job_id),
        site.jobs.row(job_id).attempts,
    )


def has_moved(before: Job, after: Job) -> bool:
    """Whether there is another checkpoint, or the job has ended."""
    return after.state in FINISHED or after.checkpoint_key != before.checkpoint_key


def problem(site: Site, job_id: str) -> str:
    """Why the job did not end once, with one set of variants whose hashes are right."""
    row, variants = site.jobs.row(job_id), site.jobs.rows(Variant, job_id)
    ends = [event["state"] for event in site.jobs.events(job_id, "state")]
    if row.state != "succeeded":
        return f"{row.state}: {row.error}"
    if ends.count("succeeded") != 1:
        return f"it ended {ends.count('succeeded')} times"
    names, reported = {each.name for each in variants}, (row.report or {})["variants"]
    if len(variants) != len(names) or names != {each["name"] for each in reported}:
        return f"{len(variants)} variants, {len(reported)} in the report"
    if not names >= NAMES:
        return f"only {sorted(names)}"
    for variant in variants:
        content = b"".join(site.jobs.context.store.read(variant.key))
        if hashlib.sha256(content).hexdigest() != variant.sha256:
            return f"{variant.name} has another hash"
    return ""


def repeated_epochs(site: Site, job_id: str) -> int:
    """Of those that were reported, how many were trained in more than one attempt."""
    trained = set()
    for event in site.jobs.rows(JobEvent, job_id):
        if event.type == "progress" and event.data.get("epoch"):
            trained.add((event.attempt, event.data["stage"], event.data["epoch"]))
    return len(trained) - len({epoch[1:] for epoch in trained})


def orphans(site: Site, job_id: str) -> int:
    """After the scheduled deletions, which the API runs every few seconds."""
    deadline = time.monotonic() + SECONDS_TO_CLEAN
    while count(site, job_id) and time.monotonic() < deadline:
        run_scheduled_deletions(site.jobs.context.sessions, site.jobs.context.store)
        time.sleep(1)
    return count(site, job_id)


def stored_keys(site: Site, job_id: str) -> list[str]:
    store = site.jobs.context.store
    if not isinstance(store, S3Store):
        return site.jobs.stored(job_id)
    listed = store.client.list_objects_v2(Bucket=store.bucket, Prefix=job_prefix(job_id))
    return [item["Key"] for item in listed.get("Contents", ())]


def count(site: Site, job_id: str) -> int:
    named = {variant.key for variant in site.jobs.rows(Variant, job_id)}
    objects = set(stored_keys(site, job_id)) - named
    unneeded = [key for key in objects if "/accuracy_over_bytes." not in key]
    folders = list(site.settings.work_dir.glob(f"{job_id}.*"))
    return len(unneeded) + len(folders) + len(processes_of(job_id))
