"""Answers of gunicorn, as the services use it, to requests that never reach the application."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from observability.tests.sinks import eventually
from tests.ports import free_port

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """gunicorn before an application that answers everything with 204."""
    folder, port = tmp_path_factory.mktemp("worker"), free_port()
    (folder / "empty.py").write_text("def app(_, start):\n    start('204 No Content', [])\n    return []\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config=services/gunicorn.conf.py", "empty:app"],
        cwd=ROOT,
        env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "PYTHONPATH": f"{folder}:{ROOT}"},
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: listens(port), timeout=120)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def listens(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError):
        return answer(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 204
    return False


def answer(port: int, data: bytes) -> HTTPResponse:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        found = HTTPResponse(connection)
        found.begin()
        return found


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01 nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: rot13\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nExpect: much\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\n%s\r\n" % (b"X: y\r\n" * 201), 431),
    ],
)
def test_what_is_refused_is_told_as_a_problem(port: int, data: bytes, status: int) -> None:
    found = answer(port, data)
    assert found.status == status
    assert found.getheader("Content-Type") == "application/problem+json"
    assert found.getheader("Date")
    assert json.loads(found.read())["status"] == status


@pytest.mark.parametrize("size", [1, 1000, 100_000, 1_000_000])
def test_a_connection_outlives_a_body_that_was_not_read(port: int, size: int) -> None:
    """It is the next caller's: services nginx sends no POST again of which it lost the connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        for _ in range(5):
            for body in (b"x" * size, b""):
                connection.request("POST", "/", body)
                found = connection.getresponse()
                found.read()
                assert (found.status, found.getheader("Connection")) == (204, "keep-alive")
