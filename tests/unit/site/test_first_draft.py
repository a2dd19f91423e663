"""A Procfile or a compose.yaml becomes a description that can be checked, and says what it lost."""

from time import process_time
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from headway.model.ids import ServiceName
from headway.model.site import Expect, Kind, Service, Site
from headway.site.compose import KNOWN, from_compose
from headway.site.draft import NOTES_TITLE, Draft, name_for, render
from headway.site.parse import parse
from headway.site.procfile import from_procfile

PROCFILE = """\
# processes of the shop
web: gunicorn shop.wsgi -b 127.0.0.1:${PORT:-5000} --workers 4
worker: celery -A shop worker
clock: cd jobs && python clock.py
release: python manage.py migrate
mailer: python mail.py --smtp $SMTP_HOST
- not a process
"""
COMPOSE = """\
x-shared: &shared
  restart: unless-stopped
  environment: &variables
    LOG_LEVEL: debug
    REGION: ${REGION:-eu}
services:
  shop_web:
    <<: *shared
    image: shop:1.2
    command: ["gunicorn", "shop:app", "-b", "127.0.0.1:$$PORT"]
    ports: ["8000:80", "127.0.0.1:9000:9000/tcp"]
    environment:
      <<: *variables
      PORT: "80"
      DB_PASSWORD: hunter2
      DATABASE_URL: postgres://shop:hunter3@db/shop
      COUNTRY: "NO"
      FROM_SHELL:
      HOST: ${HOST}
    depends_on:
      api: {condition: service_healthy}
      db: {condition: service_started}
      migrate: {condition: service_completed_successfully}
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:80/up?full=1"]
      interval: 30s
    deploy: {replicas: 3, resources: {limits: {memory: 512M}}}
  api:
    command: ./api && ./after
    build: .
    environment: ["MODE=fast", "EMPTY=", "BARE"]
    volumes: ["./data:/data"]
    scale: 2
    healthcheck: {test: pg_isready}
  migrate: {command: ./migrate}
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: hunter2}}
"""


def checked(draft: Draft) -> Site:
    text = render(draft)
    parsed = parse(text, file="site.yaml")
    assert parsed.site is not None, parsed.report() + text
    return parsed.site


def service(site: Site, name: str) -> Service:
    return site.services[ServiceName(name)]


def test_a_procfile_becomes_services_and_its_release_a_job() -> None:
    draft = from_procfile(PROCFILE, site="shop")
    site = checked(draft)
    assert site.entry.service == "web"
    assert service(site, "web").run[:4] == ("gunicorn", "shop.wsgi", "-b", "127.0.0.1:$PORT")
    assert service(site, "release").kind is Kind.JOB
    assert service(site, "clock").run == ("sh", "-c", "cd jobs && python clock.py")
    assert service(site, "mailer").run[:2] == ("sh", "-c")
    notes = "\n".join(draft.notes)
    assert "worker: must serve on $PORT" in notes
    assert "line 7: `- not a process` names no process" in notes
    assert f"# {NOTES_TITLE}" in render(draft)


def test_a_compose_file_becomes_services_with_their_calls() -> None:
    draft = from_compose(COMPOSE, site="shop")
    site = checked(draft)
    assert (site.entry.service, site.entry.port) == ("shop-web", 8000)
    web = service(site, "shop-web")
    assert web.run == ("gunicorn", "shop:app", "-b", "127.0.0.1:$PORT")
    assert (web.replicas, web.resources.memory_bytes) == (3, 512 * 2**20)
    assert (web.health.expect, web.health.path) == (Expect.STATUS, "/up?full=1")
    assert [c.callee for c in web.calls] == ["api"]
    assert service(site, "migrate").kind is Kind.JOB
    api = service(site, "api")
    assert api.run == ("sh", "-c", "./api && ./after")
    assert (api.replicas, api.health.expect) == (2, Expect.CONNECT)
    assert api.env == {"MODE": "fast", "EMPTY": ""}
    assert "db" not in site.services


def test_variables_keep_their_values_and_secrets_do_not_leave_the_compose_file() -> None:
    draft = from_compose(COMPOSE, site="shop")
    env = service(checked(draft), "shop-web").env
    assert env == {
        "LOG_LEVEL": "debug",
        "REGION": "eu",
        "COUNTRY": "NO",
        "DB_PASSWORD": "${secret:shop-web-db_password}",
        "DATABASE_URL": "${secret:shop-web-database_url}",
    }
    assert "hunter" not in render(draft)


def test_what_is_not_carried_over_is_named_with_its_reason() -> None:
    notes = "\n".join(from_compose(COMPOSE, site="shop").notes)
    for said in (
        "db: left out: image `postgres:16` says how it starts",
        "shop-web: needs `db`, which is not here",
        "shop-web: `restart`: a service that ends is started again anyway",
        "shop-web: variable `PORT` left out: Headway sets it",
        "shop-web: `HOST` came from the environment of compose",
        "shop-web: `FROM_SHELL` has no value here",
        "api: `volumes`: data survives in folders of your choice",
        "api: its check became a connection",
        "migrate: became a job",
        "api: its command needs a shell",
    ):
        assert said in notes


def test_two_that_need_each_other_do_not_make_a_circle() -> None:
    text = "services: {a: {command: x, depends_on: [b]}, b: {command: y, depends_on: [a]}}"
    draft = from_compose(text, site="shop")
    assert checked(draft)
    assert "b: needs a, which needs it" in draft.notes


def test_a_compose_file_that_cannot_be_read_gives_no_service_and_a_reason() -> None:
    bomb = "a: &a [x,x]\n" + "".join(
        f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 9)}]}}\n"
        for a, b in zip("abcdef", "bcdefg", strict=True)
    )
    for text in ("", "services: [", "a: !!python/name:os x", "- 1", bomb, "services: 1"):
        draft = from_compose(text, site="shop")
        assert draft.services == []


def test_a_hostile_origin_is_read_soon() -> None:
    began_s = process_time()
    for word in ("${a-", "${PORT-", "://", "$", "http://x"):
        line = word * (900_000 // len(word))
        from_compose(
            f"services: {{a: {{command: '{line}', environment: {{B: '{line}'}}}}}}", site="x"
        )
        from_compose(f"services: {{a: {{command: x, healthcheck: {{test: '{line}'}}}}}}", site="x")
        from_procfile(f"web: {line}", site="x")
    assert process_time() - began_s < 20.0


def test_names_are_made_usable_and_stay_apart() -> None:
    taken: list[str] = []
    for text in ("Web_App", "web-app", "web.app", "no", "entry", "web-app-2", "9", "", "é" * 99):
        taken.append(name_for(text, taken))
    assert len(set(taken)) == len(taken)
    assert taken[:3] == ["web-app", "web-app-b", "web-app-c"]


WORDS = st.text(max_size=12) | st.sampled_from(
    ["$PORT", "${X:-1}", "a && b", "'", "web", "8080:80", "null", "no"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    WORDS | st.integers(-5, 99_999) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted(KNOWN | {"volumes", "other"}))


@given(st.dictionaries(WORDS, st.dictionaries(KEYS, VALUES, max_size=6), max_size=5))
def test_any_compose_file_becomes_a_description_that_check_accepts(
    services: dict[str, Any],
) -> None:
    for described in services.values():
        described.setdefault("command", "serve")
    draft = from_compose(yaml.safe_dump({"services": services}), site="shop")
    if draft.entry:
        checked(draft)
    else:
        assert draft.notes or not services


@given(st.lists(st.tuples(WORDS, WORDS | st.text(max_size=40)), max_size=6))
def test_any_procfile_becomes_a_description_that_check_accepts(
    lines: list[tuple[str, str]],
) -> None:
    draft = from_procfile("\n".join(f"{name}: {line}" for name, line in lines), site="shop")
    if draft.entry:
        checked(draft)
