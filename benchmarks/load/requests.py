"""Requests per second of a route that asks the database, beside one that does not."""

import json
import socket
import statistics
import threading
import time
from typing import Any

from benchmarks.load.servers import Api

ROUNDS = 5
SECONDS = 1.0


def compare(api: Api, path: str) -> dict[str, Any]:
    """``path`` beside GET /healthz, in turns, over one connection and over eight."""
    found: dict[str, Any] = {}
    for connections in (1, 8):
        rates: dict[str, list[float]] = {"/healthz": [], path: []}
        for _ in range(ROUNDS):
            for each in rates:
                rates[each].append(rate(api, each, connections))
        plain, asked = (statistics.median(values) for values in rates.values())
        found[f"connections_{connections}"] = {
            "healthz_per_second": round(plain),
            "per_second": round(asked),
            "times_as_costly": round(plain / asked, 2),
        }
    return found


def rate(api: Api, path: str, connections: int) -> float:
    """Requests per second of all connections together."""
    counts: list[int] = []
    until = time.perf_counter() + SECONDS
    threads = [
        threading.Thread(target=lambda: counts.append(repeat(api, path, until)))
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def repeat(api: Api, path: str, until: float) -> int:
    count = 0
    with socket.create_connection(("127.0.0.1", api.port)) as line:
        while time.perf_counter() < until:
            get(line, api.key, path)
            count += 1
    return count


def get(line: socket.socket, key: str, path: str) -> Any:
    """The JSON of a GET; a plain socket costs the client's core little."""
    head = f"GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {key}\r\n\r\n"
    line.sendall(head.encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += line.recv(65536)
    told, _, body = received.partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200"), told
    length = int(told.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += line.recv(65536)
    return json.loads(body)
