"""A real Caddy with deploy/caddy/Caddyfile, on free ports, with a certificate of its own."""

import contextlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests import server_processes
from tests.deploy.deployment import ROOT
from tests.waiting import eventually

CADDYFILE = ROOT / "deploy/caddy/Caddyfile"
PROGRAM = shutil.which("caddy")
WHY_SKIPPED = "no Caddy here: apt-get install caddy"

END = "-----END CERTIFICATE-----"


def environment(folder: Path) -> dict[str, str]:
    """Caddy keeps certificates in its user's folder: here it is one of the test."""
    return {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}


@contextlib.contextmanager
def proxying(api: str, folder: Path, read_body: str = "1h") -> Iterator[httpx.Client]:
    """A client that talks to ``api`` (host:port) through Caddy; ``read_body`` as there."""
    port = server_processes.free_port()
    # Ports that nobody has to be root for, and no new authority among those the system trusts.
    options = f"http_port {server_processes.free_port()}\n\tskip_install_trust\n\t"
    text = CADDYFILE.read_text().replace("admin off", f"{options}admin off")
    text = text.replace("read_body 1h", f"read_body {read_body}")
    (folder / "Caddyfile").write_text(text)
    site = {"L2C_SITE": f"https://localhost:{port}", "L2C_API": api}
    command = [str(PROGRAM), "run", "--config", str(folder / "Caddyfile")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(folder) | site, stdout=log, stderr=log)
    try:
        root = folder / "caddy/pki/authorities/local/root.crt"
        eventually(lambda: END in root.read_text(), ignoring=(FileNotFoundError,))
        trusted = ssl.create_default_context(cafile=str(root))
        url = f"https://localhost:{port}"
        with httpx.Client(base_url=url, verify=trusted, timeout=30, trust_env=False) as client:
            eventually(lambda: client.get("/healthz"), ignoring=(httpx.TransportError,))
            yield client
    finally:
        process.terminate()
        process.wait(10)
