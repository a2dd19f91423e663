"""What a person described: one site and its services, checked and with every default filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headway.model.ids import HostName, ServiceName, SiteName


class Kind(StrEnum):
    SERVICE = "service"  # runs until told to end
    JOB = "job"  # runs once; exit status 0 is success


class Protocol(StrEnum):
    HTTP = "http"
    GRPC = "grpc"
    WEBSOCKET = "websocket"
    TCP = "tcp"


class Balance(StrEnum):
    ROUND_ROBIN = "round-robin"
    WEIGHTED = "weighted"  # in proportion to the weights of replicas or their hosts
    LEAST_LOADED = "least-loaded"
    HASH = "hash"  # the same user, the same replica


class HashOn(StrEnum):
    """What of a request decides which replica gets it."""

    HEADER = "header"
    COOKIE = "cookie"
    QUERY = "query"  # a parameter of the URL
    PATH = "path"
    SOURCE = "source"  # the address of the one who asks


class Spread(StrEnum):
    """What a service's replicas must not lose all at once."""

    HOST = "host"
    ZONE = "zone"  # over zones as evenly as possible; traffic stays in its zone while it can


class Expect(StrEnum):
    """What counts as a good answer to a health check."""

    OK = "ok"  # 200 with exactly the two bytes `OK`: the service says that it wants traffic
    STATUS = "status"  # any 2xx: for servers that know nothing of Headway
    CONNECT = "connect"  # the port accepts a connection


@dataclass(frozen=True, slots=True)
class Health:
    path: str = "/healthz"
    expect: Expect = Expect.OK
    every_s: float = 0.040  # Envoy's check, which decides traffic
    timeout_s: float = 0.080
    start_s: float = 30.0  # a replica that was never healthy for this long has failed


@dataclass(frozen=True, slots=True)
class Call:
    """An arrow, described at the caller: that is where deadline and need are decided."""

    callee: ServiceName
    deadline_s: float | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class HashKey:
    on: HashOn
    name: str = ""  # of the header, cookie or parameter


@dataclass(frozen=True, slots=True)
class Overload:
    in_flight: int = 256  # requests at one replica at once; more is refused at once with a 503
    rate_per_s: float | None = None  # requests per second and replica; more is refused with a 429


@dataclass(frozen=True, slots=True)
class Resources:
    cpu: float | None = None  # a share when cores are short, never a limit
    memory_bytes: int | None = None  # a limit


@dataclass(frozen=True, slots=True)
class Service:
    name: ServiceName
    owner: str
    run: tuple[str, ...]  # argv; `$PORT` and `$HW_…` are filled in at start, by us, without a shell
    kind: Kind = Kind.SERVICE
    protocol: Protocol = Protocol.HTTP
    replicas: int = 1
    ready_min: int = 1  # we never go below this by our own doing
    surge_max: int = 1  # how many extra replicas may exist while replacing
    health: Health = Health()
    balance: Balance = Balance.LEAST_LOADED
    weights: tuple[float, ...] = ()  # of the first, …, all later ones; (): their hosts'
    hash_key: HashKey | None = None  # only with Balance.HASH
    slow_start_s: float = 10.0  # a newcomer's way to its full share; 0: at once
    spread: Spread = Spread.HOST
    calls: tuple[Call, ...] = ()
    drain_s: float = 5.0
    overload: Overload = Overload()
    resources: Resources = Resources()
    env: Mapping[str, str] | None = None  # values may hold `${secret:NAME}`, never a secret itself
    files: tuple[str, ...] = ()  # their content belongs to the release

    def __post_init__(self) -> None:
        assert 0 <= self.ready_min <= self.replicas, "ready_min must lie in 0..replicas"
        assert self.surge_max >= 0, "surge_max cannot be negative"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where users come in."""

    service: ServiceName
    port: int | None  # None: any free port (micro and test environments)
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret's value comes from: a file of mode 0600, or the output of a command."""

    file: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DescribedHost:
    """A place for replicas. On one machine: a name, a zone and a share of that machine."""

    name: HostName
    zone: str
    weight: float | None = None  # compared with the other hosts'; None: 1


@dataclass(frozen=True, slots=True)
class Site:
    name: SiteName
    owner: str
    entry: Entry
    services: Mapping[ServiceName, Service]
    latency_budget_s: float | None = None
    secrets: Mapping[str, SecretSource] | None = None  # named ones; others live in the state folder
    hosts: tuple[DescribedHost, ...] = ()  # (): this machine is one host
