"""The base of the models of the language: any spelling of a key, unknown keys refused, places kept."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel

from dagu_core.base.places import Place
from dagu_core.base.spelling import fold
from dagu_core.model.spec.explain import explain
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.keys import known_keys, shown_keys
from dagu_core.model.spec.located import Map, Seq
from dagu_core.model.spec.refusal import describe, refused
from dagu_core.model.spec.suggest import suggestion
from dagu_core.model.spec.vocabulary import StepType, Vocabulary

_TELLS = "`dagu plugins` tells more"


class Reading:
    """What the models need while they read one text: the words of plugins, a place for problems."""

    def __init__(self, vocabulary: Vocabulary, findings: Findings) -> None:
        self.vocabulary = vocabulary
        self.findings = findings
        self.dag_keys = {fold(key): key for key in vocabulary.dag_keys}
        self.step_keys = {fold(key): key for key in vocabulary.step_keys}
        self.owners = {fold(key): package for key, package in vocabulary.owners.items()}
        #: step types that the text defines itself
        self.own_types: Collection[str] = ()

    def missing_plugin(self, word: str, place: Place) -> bool:
        """Report a word whose plugin is not here; False when no plugin is known for it."""
        if (lack := self.lack_of(word)) is None:
            return False
        self.findings.error(f"`{word}` {lack[0]}", place, code="D014", hint=lack[1], length=len(word))
        return True

    def lack_of(self, word: str) -> tuple[str, str] | None:
        """What a word lacks whose plugin is not here, and what to do; None when no plugin is known for it."""
        if (reason := self.vocabulary.refused.get(fold(word))) is not None:
            return f"cannot be used: {reason}", _TELLS
        broken = self.vocabulary.broken
        package = self.owners.get(fold(word)) or (word if word in broken else None)
        if package is None:
            return None
        outlook = self.vocabulary.planned.get(fold(word))
        if outlook is not None and (package == "dagu" or package not in broken):
            return "is not built yet", outlook
        if (reason := broken.get(package)) is not None:
            return f"needs the plugin {package}, which did not load: {reason}", _TELLS
        return f"needs the plugin {package}", f"install it with: pip install {package}"

    def step_type(self, word: str) -> StepType | None:
        """The registered step type of that word, if there is one.

        A word nobody knows costs something: plugins that are asked only when needed are asked.
        """
        types = self.vocabulary.step_types
        if word not in types and word.lower() not in types and self.vocabulary.more is not None:
            self.vocabulary = self.vocabulary.more()
            types = self.vocabulary.step_types
        return types.get(word) or types.get(word.lower())


class SpecModel(BaseModel):
    """A mapping of the language. A null value counts as not given.

    Validation needs a `Reading` as its context and never fails: what is wrong goes into its
    findings, and the model comes without the wrong fields. `raw` is the mapping as written, `extras` the
    values of plugin keys by the plugin's spelling.
    """

    model_config = ConfigDict(
        defer_build=True,
        # values that a validator has already made what they mean in the plan
        arbitrary_types_allowed=True,
        extra="forbid",
        strict=True,
        validate_by_name=True,
        validate_by_alias=False,
        alias_generator=to_camel,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )
    #: other spellings of a field: key -> field name
    spellings: ClassVar[dict[str, str]] = {}
    #: what error messages call such a mapping
    noun: ClassVar[str] = ""
    _raw: Map = PrivateAttr()
    _extras: dict[str, Any] | None = PrivateAttr(None)
    _broken: frozenset[str] | None = PrivateAttr(None)

    @property
    def raw(self) -> Map:
        """The mapping as the user wrote it, with places."""
        return cast(Map, self._private("_raw"))

    @property
    def extras(self) -> dict[str, Any]:
        """The values of plugin keys, by the plugin's spelling of the key."""
        return cast(dict[str, Any], self._private("_extras") or {})

    @property
    def broken(self) -> frozenset[str]:
        """The fields that were given but refused."""
        return self._broken or frozenset()

    def _private(self, name: str) -> object:
        # As plain access, which finds its way in ten times the time: a large file asks thousands of times.
        return (self.__pydantic_private__ or {})[name]

    @classmethod
    def plugin_key(cls, key: str, raw: Map, reading: Reading) -> str | None:
        """The canonical spelling of a plugin's key; "" when the key was dealt with; None = unknown."""
        return None

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo[Any]) -> Self:
        if not isinstance(data, Map):
            raise refused(f"must be a mapping, not {describe(data)}")
        reading: Reading = info.context
        known = known_keys(cls)
        values: dict[str, Any] = {}
        extras: dict[str, Any] = {}
        for key, value in data.items():
            name = known.get(key) or known.get(fold(key))
            if name is None:
                name = cls.plugin_key(key, data, reading)
                if name is None:
                    report_unknown_key(key, data, cls, reading)
                elif name:
                    extras[name] = value
                continue
            if (first := data.fields.get(name)) not in (None, key) and first in data:
                # A file for two versions may say one thing in the word of each.
                one_word = fold(str(first)) == fold(key)
                if one_word or isinstance(value, Map | Seq) or value != data[first]:
                    report_both_spellings(str(first), key, data, reading.findings)
                continue
            data.fields[name] = key
            if value is not None:
                values[name] = value
        spec = cls._lenient(values, handler, data, reading.findings)
        if spec is not None:
            spec._raw = data
            spec._extras = extras or None
        return spec

    @classmethod
    def _lenient(
        cls, values: dict[str, Any], handler: ModelWrapValidatorHandler[Self], data: Map, findings: Findings
    ) -> Self:
        """Report every field that is wrong and go on without it, so that one mistake hides no
        other; None when a required field is left."""
        try:
            return handler(values)
        except ValidationError as error:
            explain(error, data, findings, noun=cls.noun)
            broken = frozenset(str(item["loc"][0]) for item in error.errors())
        values = {key: value for key, value in values.items() if key not in broken}
        if any(field.is_required() and name not in values for name, field in cls.model_fields.items()):
            # Optional fields take it as "not given", lists drop it.
            return cast(Self, None)
        spec = handler(values)
        spec._broken = broken
        return spec


def report_unknown_key(key: str, raw: Map, model: type[BaseModel], reading: Reading) -> None:
    """Add the error for a key nobody knows."""
    if reading.findings.is_full:
        return
    noun = getattr(model, "noun", "")
    known = shown_keys(model)
    if noun == "DAG":
        known += reading.vocabulary.dag_keys
    if noun == "step":
        known += reading.vocabulary.step_keys
    where = f" in {noun}" if noun else ""
    hint = suggestion(key, known) or (f"known keys: {', '.join(sorted(known))}" if len(known) <= 12 else "")
    reading.findings.error(
        f"unknown key `{key[:80]}`{where}", raw.key_place(key), code="D003", hint=hint, length=len(key)
    )


def report_both_spellings(first: str, second: str, raw: Map, findings: Findings) -> None:
    """Add the error for one key given twice in two spellings."""
    findings.error(
        f"`{first}` and `{second}` are two spellings of one key",
        raw.key_place(second),
        code="D011",
        hint="keep one of the two",
        length=len(second),
    )
