"""A backend that costs next to nothing, so that the proxy before it is what is measured.

    PORT=9001 python benchmarks/peers/fast_backend.py /usr/sbin/nginx /tmp

One nginx process that answers by itself; it takes the place of this script, as a replica is one.
"""

import os
import sys
from pathlib import Path

BODY = "0123456789abcdef" * 16  # 256 bytes


def config(folder: Path, port: int) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    return f"""\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  keepalive_timeout 1h;
  {temporary}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /healthz {{ return 200 "OK"; }}
    location / {{ return 200 "{BODY}"; }}
  }}
}}
"""


def main() -> None:
    nginx, place, port = sys.argv[1], sys.argv[2], int(os.environ["PORT"])
    folder = Path(place) / f"fast-{port}"
    folder.mkdir(exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(config(folder, port), encoding="utf-8")
    os.execv(nginx, (nginx, "-p", str(folder), "-c", str(file), "-e", str(folder / "nginx.log")))  # noqa: S606 - to become it


if __name__ == "__main__":
    main()
