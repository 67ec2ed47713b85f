"""Base of every part of a plan, and the object that a part is about."""

from pydantic import BaseModel, ConfigDict

Numbers = dict[str, float | int | str | None]
"""Figures beside a sentence, by name with the unit in it."""


class Frozen(BaseModel):
    """Base of every part of a plan: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(Frozen):
    """The object that a recommendation, a refusal or a finding is about."""

    cluster: str
    api_version: str
    kind: str
    namespace: str | None = None
    name: str
    container: str | None = None
