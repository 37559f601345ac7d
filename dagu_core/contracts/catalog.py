"""Name -> class, per kind: everything the loaded plugins offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr

from dagu_core.base.config import Config, fold
from dagu_core.base.errors import NotFound
from dagu_core.contracts.offers import Offer, first_line
from dagu_core.model.spec.vocabulary import ClockKind, StepType, Vocabulary

if TYPE_CHECKING:
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

_OUR_PACKAGES = {
    "dagu-docker": ("docker", "container", "registryAuths", "build"),
    "dagu-k8s": ("k8s", "kubernetes"),
    "dagu-ssh": ("ssh",),
    "dagu-http": ("http", "webhook", "webhooks"),
    "dagu-mail": ("mail", "smtp", "mailOn", "errorMail", "infoMail", "waitMail", "mailOnError"),
    "dagu-jq": ("jq",),
    "dagu-archive": ("archive",),
    "dagu-sql": ("sql", "postgres", "sqlite", "mysql", "database"),
    "dagu-ftp": ("ftp", "ftps", "sftp"),
    "dagu-blob": ("s3", "gcs", "azblob"),
    "dagu-locks": ("lock", "locks", "semaphore", "rate", "rates", "rateLimit"),
    "dagu-resources": ("resources", "quota", "limits"),
    "dagu-otel": ("otel",),
    "dagu-cron": ("cron",),
    "dagu-filewatch": ("watch", "fileWatch", "file", "fileTrigger", "fileSensor"),
    "dagu-sun": ("sun", "sunrise", "sunset"),
    "dagu-calendar": ("calendar", "calendars", "holidays"),
    "dagu-secrets": ("vault", "aws", "gcp", "azure", "awsSecretsManager", "secretRefs"),
    "dagu-templates": ("template",),
}

#: words of the language that a package of ours brings (any spelling means the same) -> the package
OWNERS: Mapping[str, str] = {word: package for package, words in _OUR_PACKAGES.items() for word in words}


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
        package = (
            "dagu-db"
            if noun == "state store"
            else next((p for known, p in OWNERS.items() if fold(known) == fold(word)), "")
        )
        if fold(word) in self.refused:
            hint = self.refused[fold(word)]
        elif package in self.broken:
            hint = f"the plugin {package} is installed but did not load: {self.broken[package]}"
        elif package:
            hint = f"install it with: pip install {package}"
        else:
            hint = f"known: {', '.join(sorted(kind))}"
        raise NotFound(f"there is no {noun} `{word}`", hint=hint)
