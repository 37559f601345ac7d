"""Name -> class, per kind: everything the loaded plugins offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr

from dagu_core.base.errors import NotFound
from dagu_core.base.spelling import fold
from dagu_core.contracts.offers import Offer, first_line
from dagu_core.model.spec.vocabulary import ClockKind, StepType, Vocabulary

if TYPE_CHECKING:
    from dagu_core.base.config import Config
    from dagu_core.base.settings import SettingsSection
    from dagu_core.contracts.command import Command
    from dagu_core.contracts.executor import Executor
    from dagu_core.contracts.guard import Guard
    from dagu_core.contracts.notifier import Notifier
    from dagu_core.contracts.observer import Observer
    from dagu_core.contracts.secrets import SecretProvider
    from dagu_core.contracts.store import StateStore
    from dagu_core.contracts.trigger import ClockTrigger, ScheduleFilter, Trigger
    from dagu_core.model.plan.plan import SecretRef

T = TypeVar("T")


def _outlook(capability: str, package: str) -> str:
    if not capability:
        return "it is not on the roadmap; a plugin can bring it, see `dagu plugin new`"
    return f"planned: {capability}" + ("" if package == "dagu" else f", with the package {package}")


_OUR_PACKAGES = {
    "dagu-docker": ("docker", "container", "registryAuths"),
    "dagu-ssh": ("ssh",),
    "dagu-http": ("http", "webhook", "webhooks"),
    "dagu-mail": ("mail", "smtp", "mailOn", "errorMail", "infoMail", "waitMail"),
    "dagu-jq": ("jq",),
    "dagu-archive": ("archive",),
    "dagu-sql": ("sql", "postgres", "sqlite", "mysql", "database"),
    "dagu-ftp": ("ftp", "ftps", "sftp"),
    "dagu-cron": ("cron",),
    "dagu-filewatch": ("file", "fileTrigger", "fileSensor"),
    "dagu-sun": ("sun", "sunrise", "sunset"),
    "dagu-calendar": ("calendar",),
}
#: what is not there yet: capability of the roadmap ("" = none), package that will have it, words
NOT_YET = (
    ("Kubernetes native execution", "dagu-k8s", ("k8s", "kubernetes")),
    ("External storage", "dagu-blob", ("s3", "gcs", "azblob", "artifacts")),
    ("Distributed locks", "dagu-locks", ("lock", "locks", "semaphore", "coord")),
    ("Rate limiting", "dagu-locks", ("rate", "rates", "rateLimit")),
    ("Resource limits", "dagu-resources", ("resources", "limits")),
    ("Resource quotas", "dagu-resources", ("quota",)),
    ("OpenTelemetry", "dagu-otel", ("otel",)),
    (
        "Secrets management",
        "dagu-secrets",
        ("vault", "aws", "gcp", "azure", "awsSecretsManager", "secretRefs"),
    ),
    ("Go template support", "dagu-templates", ("template", "variables")),
    ("Matrix runs", "dagu", ("matrix", "matrixOptions")),
    ("Human-in-the-loop", "dagu", ("hitl", "approval", "human")),
    ("Variables store", "dagu", ("profile",)),
    ("Inter DAG-run state management", "dagu", ("state",)),
    ("Debug mode", "dagu", ("breakpoint",)),
    ("Authorization", "dagu-rbac", ("access",)),
    ("", "dagu", ("gha", "githubAction", "github-action", "redis", "router")),
)
#: the same for stores, whose words are schemes of URLs
_DATABASES = ("Database backend support", "dagu-db", ("postgres", "postgresql", "mysql", "mariadb"))

#: words of the language that a package of ours brings (any spelling means the same) -> the package
OWNERS: Mapping[str, str] = {word: package for package, words in _OUR_PACKAGES.items() for word in words} | {
    word: package for _, package, words in NOT_YET for word in words
}
#: spelling-free words that nothing brings yet -> what is known about when
PLANNED: Mapping[str, str] = {
    fold(word): _outlook(capability, package) for capability, package, words in NOT_YET for word in words
}
#: other notations of parts: spelling-free word -> (kind, word of the part)
NOTATIONS: Mapping[str, tuple[str, str]] = {
    "filetrigger": ("trigger", "file"),
    "sunrise": ("trigger", "sun"),
    "sunset": ("trigger", "sun"),
}


class Catalog(Struct, frozen=True, dict=True):
    """What is offered, after doubles were refused.

    Executors, guards, triggers, notifiers and providers are found by name and alias, stores by
    URL scheme. `broken` maps a package or plugin that did not load to the reason.
    """

    executors: Mapping[str, type[Executor[Any]]]
    guards: Mapping[str, type[Guard]]
    triggers: Mapping[str, type[Trigger] | type[ClockTrigger]]
    filters: Mapping[str, type[ScheduleFilter]]
    stores: Mapping[str, type[StateStore]]
    notifiers: Mapping[str, type[Notifier]]
    providers: Mapping[str, type[SecretProvider]]
    observers: Mapping[str, type[Observer]]
    dag_fields: Mapping[str, type[Config]]
    settings: tuple[type[SettingsSection], ...]
    commands: Mapping[str, Command]
    broken: Mapping[str, str]
    #: step type -> package and version that bring it
    origins: Mapping[str, str]
    #: spelling-free word -> why nobody brings it, though a plugin here would
    refused: Mapping[str, str]
    #: asks the plugins that are asked only when needed; the whole catalog
    more: Callable[[], Catalog] | None = None

    @classmethod
    def of(
        cls,
        offers: Iterable[Offer],
        broken: Mapping[str, str] | None = None,
        origins: Mapping[str, str] | None = None,
        refused: Mapping[str, str] | None = None,
        more: Callable[[], Catalog] | None = None,
    ) -> Catalog:
        """The catalog of offers whose words differ; `origins` says what each plugin is."""
        kinds: dict[str, dict[str, Any]] = {}
        brought: dict[str, str] = {}
        for offer in offers:
            if offer.kind == "executor":
                brought |= dict.fromkeys(offer.words, (origins or {}).get(offer.plugin, offer.plugin))
            for word in offer.words:
                kinds.setdefault(offer.kind, {})[word] = offer.thing

        def kind(name: str) -> Mapping[str, Any]:
            return kinds.get(name, {})

        return cls(
            executors=kind("executor"),
            guards=kind("guard"),
            triggers=kind("trigger"),
            filters=kind("schedule filter"),
            stores=kind("store"),
            notifiers=kind("notifier"),
            providers=kind("secret provider"),
            observers=kind("observer"),
            dag_fields=kind("DAG field"),
            settings=tuple(kind("settings section").values()),
            commands=kind("command"),
            broken=broken or {},
            origins=brought,
            refused=refused or {},
            more=more,
        )

    def fill(self, other: Catalog) -> None:
        """Take over what `other` holds: whoever has this catalog finds what was learned later."""
        for name in self.__struct_fields__:
            if name != "more":
                force_setattr(self, name, getattr(other, name))
        for kept in ("clocks", "vocabulary"):
            self.__dict__.pop(kept, None)

    @cached_property
    def clocks(self) -> Mapping[str, type[ClockTrigger]]:
        """The triggers that are functions of time."""
        from dagu_core.contracts.trigger import ClockTrigger

        return {word: each for word, each in self.triggers.items() if issubclass(each, ClockTrigger)}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words plugins add to the language."""
        step_types = {
            word: StepType(each.name, each.Config, frozenset(each.capabilities), first_line(each))
            for word, each in self.executors.items()
        }
        notifiers = {word: each.Config for word, each in self.notifiers.items()}
        step_keys = {word: each.Config for word, each in self.guards.items()}
        for each in self.executors.values():
            step_keys.update(each.step_fields)
        filters = {word: each.Config for word, each in self.filters.items()}
        dag_keys = notifiers | filters | dict(self.dag_fields)
        clocks = {word: ClockKind(each.name, each.Config, each.read) for word, each in self.clocks.items()}
        triggers = {word: each.Config for word, each in self.triggers.items() if word not in clocks}
        known = (step_types, step_keys, dag_keys, clocks, triggers)
        taken = {word for words in known for word in words}
        return Vocabulary(
            step_types=step_types,
            step_keys=step_keys,
            dag_keys=dag_keys,
            providers=frozenset(self.providers),
            clocks=clocks,
            triggers=triggers,
            check_secret=self._check_secret,
            owners={word: package for word, package in OWNERS.items() if word not in taken},
            planned=PLANNED,
            broken=self.broken,
            refused=self.refused,
            more=self._whole,
        )

    def _whole(self) -> Vocabulary:
        return (self.more() if self.more else self).vocabulary

    def executor(self, name: str) -> type[Executor[Any]]:
        """The step type `name`. Raises NotFound, saying which package has it or why it is broken."""
        if name not in self.executors and self.more:
            self.more()
        return self._get(self.executors, name, "step type")

    def provider(self, name: str) -> type[SecretProvider]:
        """The secret provider `name`. Raises NotFound."""
        return self._get(self.providers, name, "secret provider")

    def clock_trigger(self, name: str) -> type[ClockTrigger]:
        """The schedule kind `name`. Raises NotFound."""
        return self._get(self.clocks, name, "schedule kind")

    def store(self, url: str) -> type[StateStore]:
        """The state store for a URL, by its scheme. Raises NotFound."""
        scheme = url.partition(":")[0]
        if scheme not in self.stores and self.more:
            self.more()
        return self._get(self.stores, scheme, "state store")

    def _check_secret(self, ref: SecretRef) -> str:
        try:
            return self.providers[ref.provider]().check(ref)
        except Exception as error:
            return f"provider {ref.provider} cannot judge it: {type(error).__name__}: {error}"

    def _get(self, kind: Mapping[str, T], word: str, noun: str) -> T:
        if (found := kind.get(word)) is not None:
            return found
        if noun == "state store":
            package = _DATABASES[1] if word.partition("+")[0] in _DATABASES[2] else ""
            outlook = _outlook(*_DATABASES[:2])
        else:
            package = next((p for known, p in OWNERS.items() if fold(known) == fold(word)), "")
            outlook = PLANNED.get(fold(word), "")
        if fold(word) in self.refused:
            hint = self.refused[fold(word)]
        elif package in self.broken:
            hint = f"the plugin {package} is installed but did not load: {self.broken[package]}"
        elif package:
            hint = outlook or f"install it with: pip install {package}"
        else:
            hint = f"known: {', '.join(sorted(kind))}"
        raise NotFound(f"there is no {noun} `{word}`", hint=hint)
