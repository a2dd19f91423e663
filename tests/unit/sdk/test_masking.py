"""What is shown of values: few words, no secret, nobody else's code."""

import enum
import json
import sys
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest

from headway_sdk.masking import MASK, Mask, is_secret_name
from headway_sdk.render import TEXT_CHARS_MAX, named, render

MASKED = Mask(
    {"HW_SECRET_NAMES": "KEYED,STORE,PIN", "KEYED": "planted-1", "PIN": "123"}
    | {"STORE": "redis://cache:planted-2@127.0.0.1/0"}
)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "passwd",
        "db_password",
        "PASSWORD",
        "token",
        "access_token",
        "csrfToken",
        "secret",
        "client_secret",
        "key",
        "api_key",
        "apiKey",
        "API-KEY",
        "keys",
        "private_key",
        "authorization",
        "Authorisation",
        "auth",
        "credentials",
        "cookie",
        "pwd",
        "DSN",
        "pin",
    ],
)
def test_what_is_named_like_a_secret_is_one(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["query", "keyword", "monkey", "author", "PATH", "pinned", "k", "WORDS", "hockey"]
)
def test_other_names_are_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sent planted-1 twice: planted-1", "sent *** twice: ***"),
        ("login cache planted-2", "login cache ***"),  # also the password alone
        ("postgres://me:s3cr3t@db/x", "postgres://me:***@db/x"),
        ("http://127.0.0.1:20411/x", "http://127.0.0.1:20411/x"),
        ("Bearer abc.def-1", "Bearer ***"),
        ("basic dXNlcjpwYXNz", "basic ***"),
        ("123 is too short to be looked for", "123 is too short to be looked for"),
    ],
)
def test_known_secrets_and_credentials_are_masked_in_texts(text: str, shown: str) -> None:
    assert MASKED.text(text) == shown


def test_by_hand_only_our_own_variables_are_shown() -> None:
    shell = {"EDITOR": "ed", "PORT": "1", "HW_ADS_URL": "http://127.0.0.1:2", "HW_LIFE": "x"}
    assert Mask(shell).environment(shell) == {"PORT": "1", "HW_ADS_URL": "http://127.0.0.1:2"}
    assert Mask(shell).environment(shell | {"HW_ENV": "a/b"})["EDITOR"] == "ed"


@dataclass
class Login:
    user: str
    password: str
    more: list[int] = field(default_factory=list)


class Hostile:
    def __repr__(self) -> str:
        raise AssertionError("nobody asked for this")

    __str__ = __repr__


class Colour(enum.Enum):
    RED = 1


Point = namedtuple("Point", ["x", "token"])  # noqa: PYI024 - an old one, on purpose


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        (12, "12"),
        (2**300, "<int of 301 bits>"),
        ("it's", '"it\'s"'),
        ("planted-1", "'***'"),
        (b"planted-1", "<9 bytes>"),
        (Colour.RED, "Colour.RED"),
        (datetime(2026, 1, 1, tzinfo=UTC), "datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime"),
        ([1, 2], "[1, 2]"),
        ((1,), "(1)"),
        ({"a": 1, "password": "x", 3: "y"}, "{'a': 1, 'password': ***, 3: 'y'}"),
        (OrderedDict(api_key="x"), "{'api_key': ***}"),
        (deque([1]), "deque[1]"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, …9 in all]"),
        ([[[[1, 2]]]], "[[[<list of 2>]]]"),
        (Login("me", "x", [1]), "Login(user='me', password=***, more=[1])"),
        (Point(1, "x"), "Point(x=1, token=***)"),
        (Hostile(), "<Hostile>"),
        ([Hostile()], "[<Hostile>]"),
        (Login, "<type>"),
        (len, "<builtin_function_or_method>"),
    ],
)
def test_a_value_in_a_few_words(value: object, shown: str) -> None:
    assert render(value, MASKED).startswith(shown)


def test_a_long_text_is_cut_and_shows_no_half_of_a_secret() -> None:
    shown = render("x" * (TEXT_CHARS_MAX - 4) + "planted-1" + "y" * 9000, MASKED)
    assert "plan" not in shown
    assert shown.endswith("(9085 characters)")
    assert len(shown) < 2 * TEXT_CHARS_MAX


def test_something_that_holds_itself_ends() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert render(loop, MASKED) == "[[[<list of 1>]]]"


def test_an_argument_named_like_a_secret_is_masked_whatever_it_holds() -> None:
    assert named("password", ["a"], MASKED) == MASK
    assert named("KEYED", "other", MASKED) == MASK
    assert named("limit", sys.maxsize, MASKED) == str(sys.maxsize)


@pytest.mark.parametrize(
    "secret", ["-----KEY-----\nMIIa/b+c==\n", 'it\'s "q" \\ x', "p\xe4ss w\xf6rd/1"]
)
def test_a_secret_is_hidden_however_it_is_written(secret: str) -> None:
    mask = Mask({"HW_SECRET_NAMES": "S", "S": secret})
    forms = [secret, repr([secret]), repr({"a": f'"{secret}'}), json.dumps({"a": secret})]
    forms += [
        json.dumps(secret, ensure_ascii=False),
        f"/x?k={quote(secret)}",
        quote(secret, safe=""),
    ]
    for text in (*forms, urlencode({"k": secret})):
        shown = mask.text(text)
        assert MASK in shown, text
        assert not any(part in shown for part in ("MIIa", "q", "rd")), text


def test_a_password_with_an_at_sign_is_hidden_whole() -> None:
    assert Mask({}).text("https://me:p@ss@host/a@b") == f"https://me:{MASK}@host/a@b"
