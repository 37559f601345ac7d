"""Makes the order of an attempt out of what the file says."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

from dagu_core import Attempt, Invalid, RunClosing, RunRef, Settings, variables_in
from dagu_docker.auths import all_logins
from dagu_docker.build_config import BuildField
from dagu_docker.config import ContainerField, DockerConfig
from dagu_docker.legacy import legacy_body, legacy_exec
from dagu_docker.order import ATTEMPT, PRIVILEGED, RUN, Build, Order
from dagu_docker.ports import binds, port_bindings
from dagu_docker.settings import DockerPolicy, DockerSettings

#: what belongs to the host's own environment and never makes sense in a container
_OF_THE_HOST = re.compile(
    r"PATH|HOME|USER|SHELL|TMPDIR|TERM|EDITOR|VISUAL|LANG|LC_.*|TZ|LD_LIBRARY_PATH|XDG_.*|PWD"
    r"|DAGU_HOME|DAGU_ATTEMPT_TOKEN|DAGU_REF.*|DAG_RUN_LOG_FILE|DAG_RUN_STEP_STD.*"
)
_ENGINE = re.compile(r"DOCKER_(HOST|TLS_VERIFY|CERT_PATH|CONFIG|API_VERSION)")
_KEEPALIVE = "while true; do sleep 86400; done"


def order_of(attempt: Attempt[DockerConfig]) -> Order:
    """The order of an attempt. Raises Invalid for what makes no sense."""
    container, config = attempt.step_fields.get("container"), attempt.config
    commands = [list(attempt.exec)] if attempt.exec else [shlex.split(line) for line in attempt.commands]
    if container is not None and config.model_fields_set:
        raise Invalid("a step has either `container` or `config`, not both")
    if config.model_fields_set:
        return _legacy(attempt, config, commands)
    shared = container is None
    container = container or attempt.dag_fields.get("container")
    if container is None:
        raise Invalid("a docker step needs `container` (or `config`) with an image")
    return _modern(attempt, container, commands, shared=shared)


def run_key(ref: RunRef, env: Mapping[str, str]) -> str:
    """What tells the containers of this run from those of all others, on any home."""
    return _digest(env.get("DAGU_HOME", ""), ref.dag, ref.run_id)


def closing_order(closing: RunClosing) -> Order:
    """The order to remove what the steps of a run shared."""
    container: ContainerField = closing.dag_fields["container"]
    key = run_key(closing.run, closing.env)
    engine = engine_variables(closing.env)
    return Order("shared", engine, "", key, run_key=key, keep=container.keep_container, grace=closing.grace)


def engine_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Where the Docker engine is: from the step's environment, else from our own."""
    both = {**os.environ, **env}
    return {name: value for name, value in both.items() if _ENGINE.fullmatch(name)}


def _modern(
    attempt: Attempt[DockerConfig], container: ContainerField, commands: list[list[str]], *, shared: bool
) -> Order:
    own = {} if shared else _own(attempt)
    passed = {**_passed(attempt, container.pass_env), **own, **_of_script(attempt)}
    theirs = pairs(container.env)
    common: dict[str, Any] = {**_common(attempt), "commands": commands}
    if container.exec:
        if not commands:
            raise Invalid(f"a step that works in the container {container.exec} needs a command")
        how = {"user": str(container.user), "workdir": container.working_dir}
        return Order(
            "existing", name=container.exec, exec={**how, "environment": {**passed, **theirs}}, **common
        )
    if shared and not commands:
        raise Invalid("a step in the container of the DAG needs a command")
    target = "shared" if shared else "kept" if len(commands) > 1 else "fresh"
    exposed, bound = port_bindings(container.ports)
    folder = attempt.dag_working_dir if shared else attempt.working_dir
    build = _build(attempt, container.build, container.image) if container.build else None
    key = common["run_key"] if shared else common["key"]
    body: dict[str, Any] = {
        "Image": container.image,
        "Env": [f"{name}={value}" for name, value in ({} if shared else passed | theirs).items()],
        "WorkingDir": container.working_dir,
        "User": str(container.user),
        "ExposedPorts": exposed,
        "Labels": {**_labels(attempt), (RUN if shared else ATTEMPT): key},
        "HostConfig": {
            "Binds": binds(container.volumes, folder),
            "PortBindings": bound,
            "NetworkMode": container.network,
            "RestartPolicy": {"Name": container.restart_policy},
            "Init": container.init,
        },
    }
    if shared:
        body["Env"] = [f"{name}={value}" for name, value in theirs.items()]
        del body["Labels"]["dagu.step"]
    if target == "fresh":
        body |= {"Cmd": commands[0]} if commands else {}
    elif container.startup == "keepalive":
        body |= {"Entrypoint": ["sh"], "Cmd": ["-c", _KEEPALIVE]}
    elif container.startup == "command":
        command = container.command
        body |= {"Cmd": shlex.split(command) if isinstance(command, str) else [*map(text, command)]}
    name = container.name or _name(attempt.run.dag, "" if shared else attempt.step.name, key)
    return Order(
        target,  # type: ignore[arg-type]
        name=name,
        image=container.image,
        pull=str(container.pull_policy),
        platform=container.platform,
        build=build,
        auths=all_logins(attempt.dag_fields.get("registryAuths"), attempt.env),
        body=body,
        keep=container.keep_container,
        # What a step of its own brings for a command in the container of the DAG.
        exec={"environment": passed} if shared else {},
        startup=container.startup,
        wait_for=container.wait_for,
        log_pattern=container.log_pattern,
        **common,
    )


def _legacy(attempt: Attempt[DockerConfig], config: DockerConfig, commands: list[list[str]]) -> Order:
    own = {**_own(attempt), **_of_script(attempt)}
    common = _common(attempt)
    if PRIVILEGED in common["forbidden"] and config.exec.get("privileged"):
        raise Invalid("docker.policy forbids: a privileged command (privileged)")
    body = legacy_body(config, own, binds(config.volumes, attempt.working_dir))
    body["Labels"] = {**body.get("Labels", {}), **_labels(attempt), ATTEMPT: common["key"]}
    several = len(commands) > 1
    if several:
        body |= {"Entrypoint": ["sh"], "Cmd": ["-c", _KEEPALIVE]}
    elif commands:
        body["Cmd"] = commands[0]
    existing = "existing" if config.exec and not (config.image or config.build) else "either"
    return Order(
        existing if config.container_name else "kept" if several else "fresh",  # type: ignore[arg-type]
        name=config.container_name or _name(attempt.run.dag, attempt.step.name, common["key"]),
        image=config.image,
        pull=str(config.pull),
        platform=config.platform,
        build=_build(attempt, config.build, config.image) if config.build else None,
        auths=all_logins(attempt.dag_fields.get("registryAuths"), attempt.env),
        body=body,
        keep=not config.auto_remove,
        exec=legacy_exec(config.exec, own),
        commands=commands,
        **common,
    )


def _common(attempt: Attempt[DockerConfig]) -> dict[str, Any]:
    # The scratch folder is the attempt's own, also among the attempts of the run itself.
    folder, settings = str(attempt.scratch), _settings()
    return {
        "engine": engine_variables(attempt.env),
        "folder": folder,
        "key": _digest(folder),
        "step": attempt.step.name,
        "run_key": run_key(attempt.run, attempt.env),
        "grace": attempt.grace,
        "reconnect": settings.section(DockerSettings).reconnect_sec,
        "forbidden": settings.section(DockerPolicy).forbidden,
    }


def _build(attempt: Attempt[DockerConfig], build: BuildField, image: str) -> Build:
    context = os.path.realpath(attempt.dag_folder / os.path.expanduser(build.context))
    settings = _settings().section(DockerSettings)
    roots = [os.path.realpath(os.path.expanduser(root)) for root in settings.build_roots]
    if roots and not any(os.path.commonpath([root, context]) == root for root in roots):
        raise Invalid(f"build.context: {context} is outside of docker.buildRoots ({', '.join(roots)})")
    return Build(
        context=context,
        dockerfile=build.dockerfile,
        inline=build.dockerfile_inline,
        args={name: text(value) for name, value in build.args.items()},
        target=build.target,
        tags=[tag for tag in (image, build.tag) if tag],
        policy=build.policy,
        no_cache=build.no_cache,
        cache_from=build.cache_from,
        inline_cache=build.inline_cache,
        pull=build.pull,
        network=build.network,
        timeout=build.timeout,
        builder=build.builder,
        secrets={name: text(value) for name, value in build.build_secrets.items()},
        repository=f"dagu-build/{_plain(attempt.run.dag).lower().strip('-_.') or 'dag'}",
        max_context=settings.max_context,
        labels=_labels(attempt),
    )


def _settings() -> Settings:
    # The engine's own environment says where they are: a DAG has no hand in it.
    place = os.environ.get("DAGU_CONFIG") or None
    return Settings.load(environ=dict(os.environ), config=place)


def _passed(attempt: Attempt[DockerConfig], wanted: bool | list[str]) -> dict[str, str]:
    if isinstance(wanted, list):
        return {name: attempt.env[name] for name in wanted if name in attempt.env}
    if not wanted:
        return {}
    return {name: value for name, value in attempt.env.items() if not _OF_THE_HOST.fullmatch(name)}


def _of_script(attempt: Attempt[DockerConfig]) -> dict[str, str]:
    return variables_in(attempt.exec[2:], attempt) if attempt.exec[:2] == ("sh", "-c") else {}


def _own(attempt: Attempt[DockerConfig]) -> dict[str, str]:
    return {entry.name: attempt.env.get(entry.name, "") for entry in attempt.step.env}


def pairs(env: dict[str, Any] | list[Any]) -> dict[str, str]:
    """The variables of an `env` block, later ones win."""
    found: dict[str, str] = {}
    for entry in env if isinstance(env, list) else [env]:
        if isinstance(entry, str):
            name, _, value = entry.partition("=")
            found[name] = value
        else:
            found |= {str(name): text(value) for name, value in entry.items()}
    return found


def text(value: Any) -> str:
    """A scalar of a file as a text."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _labels(attempt: Attempt[DockerConfig]) -> dict[str, str]:
    return {"dagu.dag": attempt.run.dag, "dagu.run": attempt.run.run_id, "dagu.step": attempt.step.name}


def _name(dag: str, step: str, key: str) -> str:
    words = [_plain(word)[:40] for word in ("dagu", dag, step) if word]
    return "-".join([*words, key[:12]])


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()[:24]
