"""What requests look like. Answers are the views of `control.py`, written as they are.

Limits stand here, so that nobody behind this line checks a size again. Unknown keys are errors:
a misspelt `reason` must not be lost silently.
"""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from headway.access.authorize import VERB_KEYS
from headway.api.control import SiteSource
from headway.model.actor import Scope

DAY_S = 86_400.0
LOG_LEVEL_S = 600.0
NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

PLACE = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(/[a-z0-9]([a-z0-9-]*[a-z0-9])?)?$"
# One line that a terminal and a log can show: no control character, nothing that turns the text.
_SHOWN = r"[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
ONE_LINE = rf"^{_SHOWN}*$"
ONE_PATH = rf"^/{_SHOWN}*$"  # absolute; it is told to people as well

Name = Annotated[str, Path(max_length=63, pattern=NAME, examples=["production"])]
Reason = Annotated[str, Field(max_length=500, pattern=ONE_LINE, examples=["more guests today"])]
EXAMPLE_SITE = """\
headway: 1
site: shop
owner: shop-team
entry: {service: web, port: 8080}
services:
  web: {run: python -m shop.web, replicas: 2}
"""


KEYS_MAX = 16


class _Strict(BaseModel):
    """Neither more keys than there are, nor a value of another type that could be made to fit."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: object) -> object:
        """A million wrong keys are one mistake."""
        if isinstance(value, dict) and len(value) > KEYS_MAX:
            raise ValueError(f"more than {KEYS_MAX} keys")
        return value


class SiteText(_Strict):
    """A description, and where its relative paths begin."""

    text: Annotated[str, Field(max_length=1024 * 1024, examples=[EXAMPLE_SITE])]
    directory: Annotated[str, Field(max_length=4096, pattern=ONE_PATH, examples=["/srv/shop"])]
    file: Annotated[str, Field(max_length=4096, pattern=ONE_LINE)] = "site.yaml"

    def source(self) -> SiteSource:
        return SiteSource(self.text, self.directory, self.file)


class ApplyRequest(SiteText):
    plan: Annotated[str, Field(max_length=64, pattern=ONE_LINE)] | None = None
    take_over: bool = False  # the environment, from the directory it runs from now


class FileRequest(_Strict):
    """A file of the machine that headwayd runs on."""

    file: Annotated[str, Field(max_length=4096, pattern=ONE_PATH, examples=["/backup/j.db"])]


class DownRequest(_Strict):
    purge: bool = False


class ScaleRequest(_Strict):
    count: Annotated[int, Field(ge=0, le=1000, examples=[6])]
    for_s: Annotated[float, Field(gt=0, le=30 * DAY_S, allow_inf_nan=False)] = DAY_S
    reason: Reason = ""


class LogLevelRequest(_Strict):
    level: Literal["debug", "info", "warning", "error", "own"]
    for_s: Annotated[float, Field(gt=0, le=DAY_S, allow_inf_nan=False)] = LOG_LEVEL_S
    reason: Reason = ""


class ReasonRequest(_Strict):
    reason: Reason = ""


class TokenRequest(_Strict):
    """Nothing given is no limit within the role."""

    name: Annotated[str, Field(max_length=63, pattern=NAME, examples=["ci"])]
    role: Literal["viewer", "operator", "admin"]
    places: Annotated[
        list[Annotated[str, Field(max_length=127, pattern=PLACE, examples=["shop/test"])]] | None,
        Field(max_length=64),
    ] = None
    verbs: Annotated[
        list[Literal[VERB_KEYS]] | None,  # type: ignore[valid-type]
        Field(max_length=64),
    ] = None
    for_s: Annotated[float, Field(gt=0, le=365 * DAY_S, allow_inf_nan=False)]

    def scope(self) -> Scope:
        return Scope(
            places=None if self.places is None else frozenset(self.places),
            verbs=None if self.verbs is None else frozenset(self.verbs),
        )
