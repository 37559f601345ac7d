"""Why something did not happen, or waits: stable codes, each with the sentence people read."""

from __future__ import annotations

UPSTREAM_FAILED = "upstream_failed"
UPSTREAM_SKIPPED = "upstream_skipped"
UPSTREAM_ABORTED = "upstream_aborted"
PRECONDITION_UNMET = "precondition_unmet"
STOPPED = "stopped"
STOPPED_IN_RETRY = "stopped_in_retry_wait"
RUN_TIMED_OUT = "run_timed_out"
STEP_TIMED_OUT = "step_timed_out"
RETRY_WAIT = "retry_wait"
REPEAT_WAIT = "repeat_wait"
LOST = "lost"
EXIT_CODE = "exit_code"
ERROR = "error"
INITIALISATION = "initialisation"
INIT_FAILED = "init_failed"
QUEUED = "queued"
RECOVERY_LIMIT = "recovery_limit"
OVERLAP = "overlap"
CATCHUP = "catchup"
RESTART = "restart"
SUPERSEDED = "superseded"
RECORD_DAMAGED = "record_damaged"

SENTENCES: dict[str, str] = {
    UPSTREAM_FAILED: "a step it depends on failed",
    UPSTREAM_SKIPPED: "a step it depends on was skipped",
    UPSTREAM_ABORTED: "a step it depends on was aborted",
    PRECONDITION_UNMET: "a precondition was not met",
    STOPPED: "the run was stopped",
    STOPPED_IN_RETRY: "the run was stopped while the step waited for its next attempt",
    RUN_TIMED_OUT: "the run outlived its timeoutSec",
    STEP_TIMED_OUT: "the step outlived its timeoutSec",
    RETRY_WAIT: "it failed and waits for its next attempt",
    REPEAT_WAIT: "it waits for its next repetition",
    LOST: "its outcome is unknown: the machine or all its processes ended",
    EXIT_CODE: "its process ended with a non-zero exit code",
    ERROR: "it could not be carried out",
    INITIALISATION: "the run could not be prepared",
    INIT_FAILED: "its `handlerOn.init` failed, so no step began",
    QUEUED: "it waits in a queue until a runner takes it",
    OVERLAP: "it waits until active runs of the DAG (or of its group) have ended",
    CATCHUP: "it is caught up after the others of its batch",
    RESTART: "it waits until the run it replaces has ended",
    SUPERSEDED: "a newer start took its place",
    RECORD_DAMAGED: "its stored record is damaged",
    RECOVERY_LIMIT: "its engine died too often; it was given up",
}
