"""What requests look like. Answers are the views of `control.py`, written as they are.

Limits stand here, so that nobody behind this line checks a size again. Unknown keys are errors:
a misspelt `reason` must not be lost silently.
"""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from headway.api.control import SiteSource

DAY_S = 86_400.0
NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

Name = Annotated[str, Path(max_length=63, pattern=NAME)]
Reason = Annotated[str, Field(max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteText(_Strict):
    """A description, and where its relative paths begin."""

    text: Annotated[str, Field(max_length=1024 * 1024)]
    directory: Annotated[str, Field(max_length=4096, pattern=r"^/[^\x00]*$")]
    file: Annotated[str, Field(max_length=4096)] = "site.yaml"

    def source(self) -> SiteSource:
        return SiteSource(self.text, self.directory, self.file)


class ApplyRequest(SiteText):
    plan: Annotated[str, Field(max_length=64)] | None = None


class DownRequest(_Strict):
    purge: bool = False


class ScaleRequest(_Strict):
    count: Annotated[int, Field(ge=0, le=1000)]
    for_s: Annotated[float, Field(gt=0, le=30 * DAY_S)] = DAY_S
    reason: Reason = ""


class ReasonRequest(_Strict):
    reason: Reason = ""
