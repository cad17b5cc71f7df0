"""Define the base of frozen pydantic models, whose errors a user can read.

Importing pydantic takes a tenth of the time of a look-up, so modules that every command imports do not import this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    model_validator,
)

from homodb.schema.errors import ConfigError, HomodbError, shown
from homodb.schema.messages import choices_hint, translate_validation


class FrozenModel(BaseModel):
    """Base of frozen models, in which unknown keys are errors.

    Attributes
    ----------
    error
        Class of the errors that :meth:`read` and the constructor raise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    error: ClassVar[type[HomodbError]] = ConfigError

    def check(self) -> None:
        """Check values against each other; a ValueError says what is wrong."""

    @classmethod
    def read(
        cls, document: object, where: str, context: object = (), headings: Mapping[str, str] | None = None
    ) -> Self:
        """Validate a parsed document.

        Raises
        ------
        HomodbError
            Of the class `error`. Lists every wrong value.
        """
        try:
            return cls.model_validate(document, context=context)
        except ValueError as error:
            raise translate_validation(error, cls.error, where, headings) from error

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, values: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Self:
        try:
            if isinstance(values, Mapping):
                cls._check_keys(values)
            model: Self = handler(values)
            model.check()
        except ValueError as error:
            if info.context is not None:
                raise
            raise translate_validation(error, cls.error) from error
        return model

    @classmethod
    def _check_keys(cls, values: Mapping[str, Any]) -> None:
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        for key in values:
            if key not in keys and cls.model_config["extra"] == "forbid":
                raise ValueError(f"Unknown key {shown(repr(key))}{choices_hint(key, keys)}")


def one_of(what: str, choices: Iterable[str]) -> BeforeValidator:
    """Return a validator that accepts some words and suggests one of them."""
    words = [str(one) for one in choices]

    def check(word: object) -> object:
        if isinstance(word, str) and word not in words:
            raise ValueError(f"There is no {what} {shown(repr(word))}{choices_hint(word, words)}")
        return word

    return BeforeValidator(check)
