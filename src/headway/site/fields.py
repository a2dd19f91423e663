"""The kinds of values a description has: each with its reader and its JSON Schema."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from headway.model.site import Balance, Expect, HashKey, Kind, Protocol, Spread
from headway.site import later, limits
from headway.site.command import read_command
from headway.site.hashing import BARE, NAME_OF_FIELD_PATTERN, NAMED, read_hash, read_weights
from headway.site.paths import read_any_path, read_file_path, read_url_path
from headway.site.refused import Refused
from headway.site.secret import check_references
from headway.site.tree import Data, Scalar
from headway.site.values import (
    DURATION_PATTERN,
    NAME_PATTERN,
    RATE_PATTERN,
    SIZE_PATTERN,
    WEIGHT_MAX,
    WEIGHT_MIN,
    choice,
    cores,
    count,
    duration,
    read_rate,
    read_size,
    read_switch,
    read_text,
    read_words,
    weight,
)

_HOUR_S = 3600.0


def _word_of(field: str, options: type[StrEnum]) -> Callable[[Data], StrEnum]:
    read = choice(options)

    def read_word(value: Data) -> StrEnum:
        text = value.text if isinstance(value, Scalar) else ""
        if text in later.WORDS.get(field, {}):
            message = f"`{field}: {text}` is not supported yet"
            raise Refused("HW013", message, later.WORDS[field][text])
        return options(later.SAME_WORDS[text] if text in later.SAME_WORDS else read(value))

    return read_word


def _read_version(value: Data) -> int:
    version = count(0, 10**6, example="headway: 1")(value)
    if version != 1:
        message = f"format {version} is not known to this version of Headway"
        raise Refused("HW033", message, "write `headway: 1`, or install a newer Headway")
    return version


def _read_replicas(value: Data) -> int:
    if isinstance(value, dict):
        message = "a range of replicas is not supported yet"
        raise Refused("HW013", message, later.REPLICAS_RANGE)
    return count(0, limits.REPLICAS_MAX, example="replicas: 3")(value)


def _read_variable(value: Data) -> str:
    text = read_text(value)
    check_references(text)
    return text


def _empty_if_absent(value: Any) -> Any:
    """`calls:` with nothing below means no calls."""
    return {} if isinstance(value, Scalar) and value.is_null else value


def _integer(minimum: int, maximum: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": minimum, "maximum": maximum})


def _word_schema(options: type[StrEnum]) -> WithJsonSchema:
    words = [str(o) for o in options]
    same = [word for word, meant in later.SAME_WORDS.items() if meant in words]
    return WithJsonSchema({"type": "string", "enum": words + same})


_SAYS_SOMETHING = {"type": "string", "pattern": r"\S"}
_TEXT = WithJsonSchema(_SAYS_SOMETHING)
_NAME = WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})
_DURATION = WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})
_SIZE = WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN})
_RATE = WithJsonSchema({"type": "string", "pattern": RATE_PATTERN})
_WEIGHT = {"type": "number", "minimum": WEIGHT_MIN, "maximum": WEIGHT_MAX}
_WEIGHTS = WithJsonSchema({"type": "array", "items": _WEIGHT, "minItems": 1})
_TOKEN = {"type": "string", "pattern": NAME_OF_FIELD_PATTERN}
_HASH_NAMED = {
    "type": "object",
    "properties": {str(on): _TOKEN for on in NAMED},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
_HASH_BARE = {"type": "string", "enum": [str(on) for on in BARE]}
_HASH = WithJsonSchema({"oneOf": [_HASH_BARE, _HASH_NAMED]})
_ARGUMENTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_COMMAND = WithJsonSchema({"oneOf": [_SAYS_SOMETHING, _ARGUMENTS]})

Version = Annotated[int, PlainValidator(_read_version), WithJsonSchema({"const": 1})]
Words = Annotated[str, PlainValidator(read_words), _TEXT]
# How a name is spelt is checked with all other names, in `check_names.py`.
Name = Annotated[str, PlainValidator(read_words), _NAME]
Switch = Annotated[bool, PlainValidator(read_switch), WithJsonSchema({"type": "boolean"})]
Command = Annotated[tuple[str, ...], PlainValidator(read_command), _COMMAND]
Variable = Annotated[
    str, PlainValidator(_read_variable), WithJsonSchema({"type": ["string", "number"]})
]
UrlPath = Annotated[
    str, PlainValidator(read_url_path), WithJsonSchema({"type": "string", "pattern": "^/"})
]
FilePath = Annotated[str, PlainValidator(read_file_path), _TEXT]
AnyPath = Annotated[str, PlainValidator(read_any_path), _TEXT]

Port = Annotated[int, PlainValidator(count(1, 65_535, example="port: 8080")), _integer(1, 65_535)]
Replicas = Annotated[int, PlainValidator(_read_replicas), _integer(0, limits.REPLICAS_MAX)]
Count = Annotated[
    int,
    PlainValidator(count(0, limits.REPLICAS_MAX, example="1")),
    _integer(0, limits.REPLICAS_MAX),
]
InFlight = Annotated[
    int, PlainValidator(count(1, 1_000_000, example="in_flight: 256")), _integer(1, 1_000_000)
]
Size = Annotated[int, PlainValidator(read_size), _SIZE]
Cores = Annotated[float, PlainValidator(cores), WithJsonSchema({"type": "number", "minimum": 0.01})]

CheckTime = Annotated[float, PlainValidator(duration(0.01, 60, example="80ms")), _DURATION]
StartTime = Annotated[float, PlainValidator(duration(0.1, _HOUR_S, example="30s")), _DURATION]
Deadline = Annotated[float, PlainValidator(duration(0.001, _HOUR_S, example="150ms")), _DURATION]
DrainTime = Annotated[float, PlainValidator(duration(0, _HOUR_S, example="5s")), _DURATION]
SlowStart = Annotated[
    float, PlainValidator(duration(0, limits.SLOW_START_S_MAX, example="10s")), _DURATION
]
Rate = Annotated[float, PlainValidator(read_rate), _RATE]
Weight = Annotated[float, PlainValidator(weight), WithJsonSchema(_WEIGHT)]
Weights = Annotated[tuple[float, ...], PlainValidator(read_weights), _WEIGHTS]
Hash = Annotated[HashKey, PlainValidator(read_hash), _HASH]

KindWord = Annotated[Kind, PlainValidator(_word_of("kind", Kind)), _word_schema(Kind)]
ProtocolWord = Annotated[
    Protocol, PlainValidator(_word_of("protocol", Protocol)), _word_schema(Protocol)
]
BalanceWord = Annotated[
    Balance, PlainValidator(_word_of("balance", Balance)), _word_schema(Balance)
]
ExpectWord = Annotated[Expect, PlainValidator(_word_of("expect", Expect)), _word_schema(Expect)]
SpreadWord = Annotated[Spread, PlainValidator(_word_of("spread", Spread)), _word_schema(Spread)]

AbsentIsEmpty = BeforeValidator(_empty_if_absent)
