"""The shapes of a description: which keys there are, and what kind of value each has.

Only what can be said of one value alone stands here; what several values mean together is in
`check.py`. The JSON Schema is made from these shapes, so that every key is described once.
Defaults that depend on other keys are filled in by `build.py`.
"""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from headway.model.site import Balance, Kind, Protocol, Spread
from headway.site import fields as f
from headway.site.refused import Refused
from headway.site.tree import Scalar


class Shape(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name_in_later: ClassVar[str] = ""  # which of `later.KEYS` belong here
    example: ClassVar[str] = ""  # for someone who wrote something else

    @model_validator(mode="before")
    @classmethod
    def _is_mapping(cls, value: Any) -> Any:
        if isinstance(value, Scalar) and value.is_null:
            return {}
        if not isinstance(value, dict):
            found = "a list" if isinstance(value, list) else "one value"
            message = f"expected keys and values, found {found}"
            raise Refused("HW015", message, f"for example `{cls.example}`")
        return value


class HealthShape(Shape):
    """How a replica says whether it wants traffic."""

    example: ClassVar[str] = "health: {path: /healthz}` or `health: {expect: connect}"

    path: f.UrlPath | None = Field(
        default=None, description="asked with GET; /healthz if not given"
    )
    expect: f.ExpectWord | None = Field(
        default=None,
        description="ok: 200 with exactly `OK`; status: any 2xx; connect: the port answers",
    )
    every: f.CheckTime = Field(default=0.040, description="how often Envoy asks; decides traffic")
    timeout: f.CheckTime = Field(default=0.080, description="a later answer counts as none")
    start: f.StartTime = Field(
        default=30.0, description="never healthy for this long: it has failed"
    )


class CallShape(Shape):
    """The caller's side of a call."""

    name_in_later: ClassVar[str] = "call"
    example: ClassVar[str] = "index: {deadline: 150ms}"

    deadline: f.Deadline | None = Field(default=None, description="a later answer counts as none")
    optional: f.Switch = Field(default=False, description="the caller can do without")


class OverloadShape(Shape):
    """What one replica takes before more is refused."""

    name_in_later: ClassVar[str] = "overload"
    example: ClassVar[str] = "overload: {in_flight: 256, rate: 2000/s}"

    in_flight: f.InFlight = Field(default=256, description="requests at one replica at once")
    rate: f.Rate | None = Field(
        default=None, description="requests per second, minute or hour at one replica: 2000/s"
    )


class ResourcesShape(Shape):
    """What one replica needs."""

    example: ClassVar[str] = "resources: {memory: 256MB}"

    cpu: f.Cores | None = Field(
        default=None, description="cores; a share when they are short, no limit"
    )
    memory: f.Size | None = Field(default=None, description="a limit; more ends the replica")


class ServiceShape(Shape):
    """One program, in some replicas."""

    name_in_later: ClassVar[str] = "service"
    example: ClassVar[str] = "frontend: {run: python -m search.frontend}"

    run: f.Command = Field(description="any command that serves on $PORT; started without a shell")
    files: tuple[f.FilePath, ...] = Field(
        default=(), description="files whose content belongs to the release"
    )
    kind: f.KindWord = Field(default=Kind.SERVICE, description="service: runs on; job: runs once")
    protocol: f.ProtocolWord = Field(default=Protocol.HTTP, description="what it speaks on $PORT")
    owner: f.Words | None = Field(
        default=None, description="who answers for it; the site's if not given"
    )
    replicas: f.Replicas = Field(default=1, description="how many of it run")
    ready_min: f.Count | None = Field(
        default=None, description="never fewer by our doing; replicas - 1"
    )
    surge_max: f.Count = Field(default=1, description="how many more may run while replacing")
    health: HealthShape = Field(
        default=HealthShape(), description="how it says that it wants traffic"
    )
    balance: f.BalanceWord = Field(
        default=Balance.LEAST_LOADED, description="who gets the next request"
    )
    hash: f.Hash | None = Field(
        default=None, description="with `balance: hash`: what of a request decides who gets it"
    )
    weight: f.Weights | None = Field(
        default=None,
        description="with `balance: weighted`: of the first, the second, …; later ones as the last",
    )
    slow_start: f.SlowStart = Field(
        default=10.0, description="a newcomer's way to its full share; 0s: at once"
    )
    spread: f.SpreadWord = Field(
        default=Spread.HOST, description="what its replicas must not lose all at once"
    )
    calls: Annotated[dict[str, CallShape], f.AbsentIsEmpty] = Field(
        default={}, description="the services it calls, by name; each is found at $HW_<NAME>_URL"
    )
    drain: f.DrainTime = Field(
        default=5.0, description="time to finish what is in flight when ended"
    )
    overload: OverloadShape = Field(default=OverloadShape(), description="when to refuse more")
    resources: ResourcesShape = Field(default=ResourcesShape(), description="what a replica needs")
    env: Annotated[dict[str, f.Variable], f.AbsentIsEmpty] = Field(
        default={}, description="variables; `${secret:NAME}` stands for a secret"
    )


class EntryShape(Shape):
    """Where users come in."""

    example: ClassVar[str] = "entry: {service: frontend, port: 8080}"

    service: f.Words = Field(description="the service that answers users")
    port: f.Port | None = Field(
        default=None, description="needed in production; elsewhere any free one"
    )
    timeout: f.Deadline = Field(default=15.0, description="the longest that a user waits")


class HostShape(Shape):
    """A place for replicas, with a share of this machine."""

    example: ClassVar[str] = "a: {zone: east, weight: 2}"

    zone: f.Name | None = Field(
        default=None, description="what fails together; the host's name if not given"
    )
    weight: f.Weight | None = Field(
        default=None, description="compared with the other hosts; 1 if not given"
    )


class SecretShape(Shape):
    """Where a secret's value comes from: one of the two."""

    example: ClassVar[str] = "ads-key: {file: ./ads-key}"

    file: f.AnyPath | None = Field(default=None, description="a file of mode 0600")
    exec: f.Command | None = Field(default=None, description="a command that prints it")


Overrides = Annotated[dict[str, Any], f.AbsentIsEmpty]


class SiteShape(Shape):
    """The whole description."""

    name_in_later: ClassVar[str] = "site"

    headway: f.Version = Field(description="version of this format")
    site: f.Name = Field(description="name of the site")
    owner: f.Words | None = Field(default=None, description="default owner of every service")
    entry: EntryShape = Field(description="where users come in")
    latency_budget: f.Deadline | None = Field(default=None, description="when an answer is due")
    hosts: Annotated[dict[str, HostShape], f.AbsentIsEmpty] = Field(
        default={}, description="places on this machine, by name; one if not given"
    )
    services: Annotated[dict[str, ServiceShape], f.AbsentIsEmpty] = Field(
        description="what runs, by name"
    )
    secrets: Annotated[dict[str, SecretShape], f.AbsentIsEmpty] = Field(
        default={}, description="where secrets come from, by name"
    )
    environments: Annotated[dict[str, Overrides], f.AbsentIsEmpty] = Field(
        default={},
        description='other sizes of the same site: path -> value, as in `"*.replicas": 1`',
    )
