"""`headwayd.toml`: off by default, loopback without ado, anything else only with TLS."""

import ipaddress
import socket
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.unit.api.outside_world import (
    free_port,
    listens,
    outside_world,
    until,
)

from headway.api.listen import Tls, hosts, read_settings, resolve, tls_context
from headway.cli.client import Client
from headway.cli.remote import remote_of
from headway.cli.trouble import Exit, Trouble
from headway.model.errors import HeadwayError
from headway.testing.control import StrawControl
from headway.testing.served import served

TLS = '[tls]\ncert = "cert.pem"\nkey = "key.pem"\n'


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cert.pem and key.pem of a host that calls itself localhost."""
    folder = tmp_path_factory.mktemp("pems")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    for file, encryption in (
        ("key.pem", serialization.NoEncryption()),
        ("locked.pem", serialization.BestAvailableEncryption(b"words")),
    ):
        (folder / file).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
            )
        )
        (folder / file).chmod(0o600)
    return folder


def settings_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "headwayd.toml"
    path.write_text(text)
    return path


def test_without_the_file_nothing_is_open(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "headwayd.toml") is None
    assert read_settings(settings_of(tmp_path, "")) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"])
def test_loopback_needs_no_tls(tmp_path: Path, host: str) -> None:
    settings = read_settings(settings_of(tmp_path, f'listen = "{host}:8600"'))
    assert settings is not None
    assert {b.address[1] for b in resolve(settings)} == {8600}


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "[::]", "", "192.0.2.7", "[2001:db8::7]", "[::ffff:192.0.2.7]", "0"],  # noqa: S104
)
def test_anything_that_others_can_reach_is_refused_without_tls(tmp_path: Path, host: str) -> None:
    settings = read_settings(settings_of(tmp_path, f'listen = "{host}:8600"'))
    assert settings is not None
    with pytest.raises(HeadwayError, match="others can reach, and there is no TLS") as caught:
        resolve(settings)
    assert "[tls]" in caught.value.remedy
    with_tls = read_settings(settings_of(tmp_path, f'listen = "{host}:8600"\n{TLS}'))
    assert with_tls is not None
    assert resolve(with_tls)


def test_a_name_counts_as_the_address_that_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lookup(host: str, port: int, **_: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.1", "192.0.2.7")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    settings = read_settings(settings_of(tmp_path, 'listen = "desk.example:8600"'))
    assert settings is not None
    with pytest.raises(HeadwayError, match=r"`desk.example` is 192\.0\.2\.7, which others"):
        resolve(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen = 8600", "`listen` is not HOST:PORT"),
        ('listen = "127.0.0.1"', "`listen` is not HOST:PORT"),
        ('listen = "127.0.0.1:0"', "`listen` is not HOST:PORT"),
        ('listen = "127.0.0.1:99999"', "`listen` is not HOST:PORT"),
        ('listen = "::1:8600"', "`listen` is not HOST:PORT"),
        ('lisen = "127.0.0.1:1"', "unknown key `lisen`"),
        ('listen = "127.0.0.1:1"\nrequests_per_s = 0', "`requests_per_s` is no number"),
        ('listen = "127.0.0.1:1"\nrequests_per_s = true', "`requests_per_s` is no number"),
        ('listen = "127.0.0.1:1"\nrequests_per_s = nan', "`requests_per_s` is no number"),
        ('listen = "127.0.0.1:1"\nnames = "desk"', "`names` is no list"),
        ('listen = "127.0.0.1:1"\ntls = true', "needs `cert` and `key`"),
        ('listen = "127.0.0.1:1"\n[tls]\ncert = "c"', "needs `cert` and `key`"),
        ('listen = "127.0.0.1:1"\n[tls]\ncrt = "c"', "unknown key `tls.crt`"),
        ("listen = ", "cannot be read"),
        ("\0", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_said_with_what_to_do(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(HeadwayError, match=said) as caught:
        read_settings(settings_of(tmp_path, text))
    assert "headwayd.toml" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o640])
def test_a_key_that_others_can_read_is_refused(pems: Path, tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes((pems / "key.pem").read_bytes())
    key.chmod(mode)
    with pytest.raises(HeadwayError, match="others can read the key") as caught:
        tls_context(Tls(pems / "cert.pem", key))
    assert "chmod 600" in caught.value.remedy


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(pems: Path) -> None:
    with pytest.raises(HeadwayError, match="cannot be used"):
        tls_context(Tls(pems / "cert.pem", pems / "locked.pem"))
    with pytest.raises(HeadwayError, match="No such file"):
        tls_context(Tls(pems / "cert.pem", pems / "missing.pem"))


def test_hosts_are_the_names_and_the_address_and_never_everything(tmp_path: Path) -> None:
    text = f'listen = "0.0.0.0:8600"\nnames = ["desk.example"]\n{TLS}'
    settings = read_settings(settings_of(tmp_path, text))
    assert settings is not None
    assert hosts(settings, "192.0.2.7") == {"desk.example", "192.0.2.7"}
    assert hosts(settings, "2001:db8::7") == {"desk.example", "[2001:db8::7]"}
    assert "localhost" in hosts(settings, "127.0.0.1")


def test_the_command_comes_by_tls_and_knows_whom_it_talks_to(pems: Path, tmp_path: Path) -> None:
    tls = f'[tls]\ncert = "{pems}/cert.pem"\nkey = "{pems}/key.pem"\n'
    with outside_world(tmp_path, more=tls) as world:
        place = {
            "HEADWAY_URL": f"https://localhost:{world.port}",
            "HEADWAY_TOKEN": world.token("ci"),
        }
        trusting = Client(tmp_path, remote_of({**place, "HEADWAY_CA": str(pems / "cert.pem")}))
        assert trusting.get("/daemon")["version"] == "0.0.0"
        trusting.close()
        doubting = Client(tmp_path, remote_of(place))
        with pytest.raises(Trouble, match="its certificate is not trusted") as caught:
            doubting.get("/daemon")
        assert caught.value.exit is Exit.UNREACHABLE
        assert "HEADWAY_CA" in caught.value.remedy
        # Nobody is answered without TLS, nor with one that is too old.
        assert b"HTTP/1.1 200" not in world.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not _speaks(world.port, ssl.TLSVersion.TLSv1_1)
        assert _speaks(world.port, ssl.TLSVersion.TLSv1_2)


def _speaks(port: int, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 10) as raw:
        try:
            with context.wrap_socket(raw):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def test_a_changed_file_counts_at_once_and_a_wrong_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with outside_world(tmp_path) as world:
        secret, other = world.token("ci"), free_port()
        path = tmp_path / "headwayd.toml"
        path.write_text(f'listen = "0.0.0.0:{other}"\n')
        until(lambda: "others can reach, and there is no TLS" in caplog.text)
        assert world.ask("/daemon", secret).status == 200
        assert not listens(other)
        path.write_text(f'listen = "127.0.0.1:{other}"\n')
        until(lambda: listens(other) and not listens(world.port))
        path.unlink()
        until(lambda: not listens(other))


def test_a_port_in_use_is_no_end_and_is_taken_as_soon_as_it_is_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings_of(tmp_path, f'listen = "127.0.0.1:{port}"')
        with served(StrawControl(), tmp_path):
            until(lambda: "cannot listen at 127.0.0.1" in caplog.text)
            owner = Client(tmp_path)
            assert owner.get("/environments") == []
            owner.close()
            other.close()
            until(lambda: listens(port))


@pytest.mark.parametrize(
    ("environ", "said", "code"),
    [
        ({"HEADWAY_URL": "http://192.0.2.7:8600"}, "would show the token", 2),
        ({"HEADWAY_URL": "http://localhost.evil.example"}, "would show the token", 2),
        ({"HEADWAY_URL": "https://me:hw_x@desk.example"}, "neither user nor token", 2),
        ({"HEADWAY_URL": "https://desk.example/?token=hw_x"}, "neither user nor token", 2),
        ({"HEADWAY_URL": "ftp://desk.example"}, "no address", 2),
        ({"HEADWAY_URL": "desk.example:8600"}, "no address", 2),
        ({"HEADWAY_URL": "https://desk.example:x"}, "no address", 2),
        ({"HEADWAY_URL": "https://desk.example"}, "needs a token", 5),
        ({"HEADWAY_URL": "https://desk.example", "HEADWAY_TOKEN": "hw_x"}, "is no token", 5),
        ({"HEADWAY_URL": "https://desk.example", "HEADWAY_TOKEN_FILE": "/nowhere"}, "No such", 5),
    ],
)
def test_a_place_that_cannot_be_meant_is_refused_and_no_secret_is_repeated(
    environ: dict[str, str], said: str, code: int
) -> None:
    with pytest.raises(Trouble, match=said) as caught:
        remote_of(environ)
    assert caught.value.exit == code
    assert "hw_x" not in caught.value.error


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hw_" + "0" * 49 + "\n")
    file.chmod(0o644)
    place = {"HEADWAY_URL": "https://desk.example", "HEADWAY_TOKEN_FILE": str(file)}
    with pytest.raises(Trouble, match="others can read"):
        remote_of(place)
    file.chmod(0o600)
    remote = remote_of(place)
    assert remote is not None
    assert remote.token == "hw_" + "0" * 49
    assert "hw_0" not in repr(remote)
    assert remote_of({}) is None
