"""The API over its real socket, with a daemon of straw behind it."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from headway.access.authorize import NEEDED, Verb
from headway.api.address import socket_path
from headway.api.app import create_app
from headway.api.control import BadRequestError, ConflictError, NotFoundError
from headway.api.guard import BODY_BYTES_MAX
from headway.api.permit import Permit
from headway.api.problem import STATUSES, answer_error
from headway.cli.client import Client
from headway.cli.trouble import Trouble
from headway.model.errors import HeadwayError, JournalFullError, SiteError
from headway.testing.control import StrawControl

SHOP = "/environments/shop/production"


def routes() -> list[APIRoute]:
    """Every route of the API, also those of routers within routers."""
    found: list[APIRoute] = []

    def walk(entries: list[BaseRoute]) -> None:
        for entry in entries:
            if isinstance(entry, APIRoute):
                found.append(entry)
            else:
                # FastAPI keeps an included router as it is, behind an entry of its own.
                walk(list(getattr(getattr(entry, "original_router", entry), "routes", [])))

    walk(create_app(StrawControl()).routes)
    return found


def permits(route: APIRoute) -> list[Verb]:
    return [d.call.verb for d in route.dependant.dependencies if isinstance(d.call, Permit)]


def test_every_route_asks_exactly_once_for_permission() -> None:
    described = create_app(StrawControl()).openapi()["paths"].values()
    assert len(routes()) == sum(len(operations) for operations in described) > 0
    for route in routes():
        assert len(permits(route)) == 1, f"{route.path} asks {permits(route)}"


def test_every_route_that_changes_something_has_its_own_row_in_the_table() -> None:
    changing = [r for r in routes() if (r.methods or set()) - {"GET", "HEAD"}]
    verbs = [permits(route)[0] for route in changing]
    assert Verb.SEE not in verbs
    assert len(set(verbs)) == len(verbs), "two routes share a verb"
    assert {permits(route)[0] for route in routes()} == set(NEEDED), "a verb that nobody can use"


def test_applying_is_answered_at_once_and_status_tells_how_it_goes(
    client: Client, site_body: dict[str, object]
) -> None:
    applied = client.post(f"{SHOP}/apply", site_body)
    assert applied["unchanged"] is False
    first = client.get(SHOP)
    assert first["settled"] is False
    assert [s["name"] for s in first["services"]] == ["frontend", "ads"]
    for _ in range(3):
        client.get(SHOP)
    last = client.get(SHOP)
    assert last["settled"] is True
    assert last["services"][1]["replicas"][0]["probe"]["answer"] == "200 OK"


def test_the_same_description_again_is_unchanged(
    client: Client, site_body: dict[str, object]
) -> None:
    client.post(f"{SHOP}/apply", site_body)
    assert client.post(f"{SHOP}/apply", site_body)["unchanged"] is True


def test_who_connects_is_known_from_the_kernel(
    client: Client, control: StrawControl, site_body: dict[str, object]
) -> None:
    import os
    import pwd

    client.post(f"{SHOP}/apply", site_body)
    assert control.history[0].event.actor == pwd.getpwuid(os.getuid()).pw_name


def test_another_user_is_denied_and_the_attempt_is_written_down(
    client: Client,
    control: StrawControl,
    site_body: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headway.api.peer.uid_of", lambda _: 4_000_000)
    client.close()
    with pytest.raises(Trouble, match="unknown user may not apply shop/production") as caught:
        client.post(f"{SHOP}/apply", site_body)
    assert caught.value.code == "denied"
    assert caught.value.remedy
    assert [(d.verb, d.actor) for d in control.denials] == [("apply", "uid:4000000")]
    with pytest.raises(Trouble, match="may not see environments"):
        client.get("/environments")


def test_a_stale_plan_is_refused(client: Client, site_body: dict[str, object]) -> None:
    with pytest.raises(Trouble, match="p-old is stale") as caught:
        client.post(f"{SHOP}/apply", {**site_body, "plan": "p-old"})
    assert caught.value.code == "stale-plan"


def test_an_unknown_environment_is_not_found_with_a_remedy(client: Client) -> None:
    with pytest.raises(Trouble, match="shop/production is not running") as caught:
        client.get(SHOP)
    assert (caught.value.code, caught.value.remedy) == ("not-found", "headway up starts it")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"count": -1}, "body.count"),
        ({"count": 2, "reson": "typo"}, "body.reson"),
        ({"count": "many"}, "body.count"),
        ({"count": 2, "for_s": 0}, "body.for_s"),
        ({}, "body.count"),
    ],
)
def test_a_wrong_request_is_told_where_it_is_wrong(
    client: Client, site_body: dict[str, object], body: dict[str, object], said: str
) -> None:
    client.post(f"{SHOP}/apply", site_body)
    with pytest.raises(Trouble, match=said) as caught:
        client.post(f"{SHOP}/services/ads/scale", body)
    assert caught.value.code == "bad-request"


def test_what_no_journal_and_no_kernel_could_take_is_the_askers_mistake(
    client: Client, site_body: dict[str, object]
) -> None:
    with pytest.raises(Trouble, match=r"query\.after") as caught:
        client.get("/events", {"after": 2**63})
    assert caught.value.code == "bad-request"
    with pytest.raises(Trouble, match=r"body\.directory") as caught:
        client.post(f"{SHOP}/plan", {**site_body, "directory": "/\0"})
    assert caught.value.code == "bad-request"


@pytest.mark.parametrize("trick", ["\n", "\x1b[2J", "\x9b", "\u200f", "\u202e", "\u2066"])
def test_nothing_that_is_told_to_people_breaks_the_line_or_turns_it(
    client: Client, site_body: dict[str, object], trick: str
) -> None:
    client.post(f"{SHOP}/apply", site_body)
    for path, body, said in (
        (f"{SHOP}/services/ads/restart", {"reason": f"a{trick}b"}, r"body\.reason"),
        ("/journal/backup", {"file": f"/a{trick}b"}, r"body\.file"),
        (f"{SHOP}/plan", {**site_body, "directory": f"/a{trick}b"}, r"body\.directory"),
    ):
        with pytest.raises(Trouble, match=said) as caught:
            client.post(path, body)
        assert caught.value.code == "bad-request"


def test_a_name_that_cannot_be_one_is_refused_before_anybody_looks_for_it(client: Client) -> None:
    with pytest.raises(Trouble) as caught:
        client.get("/environments/..%2f..%2fetc/production")
    assert caught.value.code in {"bad-request", "not-found"}
    with pytest.raises(Trouble, match=r"path\.name") as caught:
        client.get("/environments/shop/PROD!")
    assert caught.value.code == "bad-request"


def test_a_route_that_does_not_exist_is_json_too(client: Client) -> None:
    with pytest.raises(Trouble, match="Not Found") as caught:
        client.get("/nonsense")
    assert caught.value.code == "not-found"


def test_a_body_over_the_limit_is_refused(client: Client) -> None:
    body: dict[str, object] = {"text": "x" * BODY_BYTES_MAX, "directory": "/", "file": "f"}
    with pytest.raises(Trouble, match="larger than 2048 KiB") as caught:
        client.post(f"{SHOP}/plan", body)
    assert caught.value.code == "too-large"


def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(
    client: Client, tmp_path: Path
) -> None:
    client.get("/daemon")
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(socket_path(tmp_path)))
    chunk = b"x" * 65_536
    try:
        connection.request(
            "POST",
            f"/api/v1{SHOP}/plan",
            body=(chunk for _ in range(BODY_BYTES_MAX // len(chunk) + 1)),
            encode_chunked=True,
            headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["code"]) == (413, "too-large")
    finally:
        connection.close()


def test_a_fault_of_ours_gives_a_number_and_no_traceback(
    client: Client, control: StrawControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(control, "environments", broken)
    with pytest.raises(Trouble, match=r"a fault in headwayd, number [0-9a-f]{8}") as caught:
        client.get("/environments")
    assert "secret detail" not in caught.value.error + caught.value.remedy
    assert "headwayd.log" in caught.value.remedy


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFoundError("x", remedy="y"), 404, "not-found"),
        (ConflictError("x", remedy="y"), 409, "conflict"),
        (BadRequestError("x", remedy="y"), 400, "bad-request"),
        (SiteError("x", remedy="y"), 422, "site"),
        (JournalFullError("x", remedy="y"), 507, "journal-full"),
        (HeadwayError("x", remedy="y"), 500, "failed"),
    ],
)
def test_every_error_of_ours_has_its_status_and_keeps_its_remedy(
    error: HeadwayError, status: int, code: str
) -> None:
    response = answer_error(error)
    assert response.status_code == status
    assert json.loads(bytes(response.body)) == {"code": code, "error": "x", "remedy": "y"}


def test_a_special_error_is_not_hidden_by_a_general_row() -> None:
    kinds = [kind for kind, _, _ in STATUSES]
    for number, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[number + 1 :])


def test_the_api_describes_itself(client: Client) -> None:
    described: dict[str, Any] = client.get("/openapi.json")
    paths = described["paths"]
    assert "/api/v1/environments/{site}/{name}/services/{service}/scale" in paths
    assert "StatusView" in described["components"]["schemas"]


def test_events_and_logs_go_on_where_the_last_page_ended(
    client: Client, control: StrawControl, site_body: dict[str, object]
) -> None:
    client.post(f"{SHOP}/apply", site_body)
    page = client.get(f"{SHOP}/events")
    assert [e["event"]["kind"] for e in page["events"]] == ["apply"]
    client.post(f"{SHOP}/services/ads/restart", {"reason": "why not"})
    more = client.get(f"{SHOP}/events", {"after": page["next"]})
    assert [e["event"]["subject"] for e in more["events"]] == ["ads"]
    assert client.get("/events", {"limit": 1})["events"] == more["events"]
