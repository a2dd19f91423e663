"""What makes a new release, what does not, and that a secret's value is nowhere in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from headway.model.errors import SecretError, SiteError
from headway.model.ids import ServiceName
from headway.model.site import Balance, Call, SecretSource, Service
from headway.releases.io.files import digests
from headway.releases.io.secrets import Secrets
from headway.releases.package import file_candidates, launch, package, secret_names

WEB = Service(ServiceName("web"), "team", ("python", "web.py", "--port", "$PORT"))
PLANTED = "hunter2-planted"


def digest(service: Service, **content: dict[str, str]) -> str:
    files, secrets = content.get("files", {}), content.get("secrets", {})
    return package(service, directory="/site", files=files, secrets=secrets).digest


def test_command_environment_files_arrows_and_secret_versions_make_a_new_release() -> None:
    others = [
        digest(replace(WEB, run=("python", "web2.py"))),
        digest(replace(WEB, env={"A": "1"})),
        digest(WEB, files={"web.py": "abc"}),
        digest(WEB, secrets={"key": "2"}),
        digest(replace(WEB, calls=(Call(ServiceName("db")),))),
    ]
    assert len({digest(WEB), *others}) == 6


def test_counts_deadlines_and_balance_do_not() -> None:
    called = replace(WEB, calls=(Call(ServiceName("db"), deadline_s=0.1),))
    slower = replace(called, calls=(Call(ServiceName("db"), deadline_s=0.2),))
    assert digest(called) == digest(slower)
    assert digest(WEB) == digest(replace(WEB, replicas=9, balance=Balance.ROUND_ROBIN))


def test_the_id_is_the_beginning_of_the_digest() -> None:
    release = package(WEB, directory="/site", files={}, secrets={})
    assert release.id == f"r{release.digest[:7]}"


def test_files_named_in_command_and_environment_belong_to_the_release(tmp_path: Path) -> None:
    (tmp_path / "web.py").write_text("print()")
    (tmp_path / "words.txt").write_text("a b")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("1")
    service = replace(WEB, env={"WORDS": "./words.txt"}, files=("data/*.csv",))
    found = digests(str(tmp_path), file_candidates(service))
    assert sorted(found) == ["data/x.csv", "web.py", "words.txt"]


def test_a_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(SiteError, match="larger than 1 GiB"):
        digests(str(tmp_path), ["big"])


def test_a_relative_path_in_the_environment_reaches_the_process_as_an_absolute_one() -> None:
    made = launch(
        replace(WEB, env={"WORDS": "./words.txt"}),
        directory="/site",
        callee_urls=[("spell-check", "http://127.0.0.1:1")],
    )
    env = dict(made.env)
    assert env["WORDS"] == "/site/words.txt"
    assert env["HW_SPELL_CHECK_URL"] == "http://127.0.0.1:1"


def test_a_process_is_told_how_long_its_drain_may_take() -> None:
    made = launch(replace(WEB, drain_s=30), directory="/site", callee_urls=[])
    assert dict(made.env)["HW_DRAIN_S"] == "30"


def test_secret_names_are_found_inside_longer_values() -> None:
    service = replace(WEB, env={"URL": "https://u:${secret:db-pass}@h/${secret:other}"})
    assert secret_names(service) == {"db-pass", "other"}


def planted(folder: Path, mode: int = 0o600) -> Secrets:
    folder.mkdir(exist_ok=True)
    path = folder / "key"
    path.write_text(PLANTED + "\n")
    path.chmod(mode)
    return Secrets({}, folder=folder, base=folder)


def test_a_secret_comes_from_a_private_file_without_its_last_newline(tmp_path: Path) -> None:
    assert planted(tmp_path / "s").value("key") == PLANTED


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="others may read") as caught:
        planted(tmp_path / "s", 0o644).value("key")
    assert caught.value.remedy.startswith("chmod 600")


def test_a_missing_secret_says_where_it_was_looked_for_and_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="no value") as caught:
        Secrets({}, folder=tmp_path, base=tmp_path).value("nothing")
    assert "install -m 600" in caught.value.remedy


def test_a_secret_written_anew_has_another_version_that_tells_nothing(tmp_path: Path) -> None:
    secrets = planted(tmp_path / "s")
    before = secrets.version("key")
    replacement = tmp_path / "s" / "new"
    replacement.write_text("x" * len(PLANTED + "\n"))
    replacement.chmod(0o600)
    replacement.rename(tmp_path / "s" / "key")
    assert secrets.version("key") != before
    assert PLANTED not in before


def test_a_secret_may_come_from_a_command_and_a_failing_one_says_so(tmp_path: Path) -> None:
    sources = {
        "good": SecretSource(command=("sh", "-c", f"echo {PLANTED}")),
        "bad": SecretSource(command=("sh", "-c", f"echo {PLANTED}; exit 3")),
    }
    secrets = Secrets(sources, folder=tmp_path, base=tmp_path)
    assert secrets.value("good") == PLANTED
    with pytest.raises(SecretError, match="exited 3") as caught:
        secrets.value("bad")
    assert PLANTED not in f"{caught.value}{caught.value.remedy}"
