"""What somebody asks for when a run is to begin."""

from __future__ import annotations

from dataclasses import dataclass

from dagu_core.model.run.run import RunRef


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A new run. `params` is one text in the parameter grammar, `words` are single parameters
    (they win over `params`); `from_run_id` takes definition and parameters of an earlier run;
    `text` is a definition that is in no file. Empty fields mean: as the definition says."""

    dag: str
    params: str | None = None
    words: tuple[str, ...] = ()
    run_id: str = ""
    name: str = ""
    from_run_id: str = ""
    root: RunRef | None = None
    parent: RunRef | None = None
    default_working_dir: str = ""
    worker_id: str = "local"
    queue: str = ""
    priority: int = 0
    text: str = ""
    base: str = ""
