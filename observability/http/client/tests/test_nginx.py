"""Against nginx, which the client talks to in the platform."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from observability.http.client import Client, ConnectFailed, Limits, Origin
from observability.http.client.tests.servers import until
from tests.ports import free_port

NGINX = Path("/usr/sbin/nginx")
pytestmark = pytest.mark.skipif(not NGINX.exists(), reason="nginx is not installed")

CONFIGURATION = """\
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests {keepalive}; client_max_body_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/files;
    location = /fixed {{
      add_header X-Length "$http_content_length/$http_transfer_encoding"; return 200 "fixed";
    }}
    location = /empty {{ return 204; }}
    location = /chunked {{ ssi on; ssi_types *; try_files /large =404; }}
    location = /upload {{ proxy_pass http://127.0.0.1:{port}/fixed; }}
  }}
}}
"""
LARGE = os.urandom(3_000_000).hex().encode()[:3_000_000]


@dataclass
class Nginx:
    origin: Origin
    process: subprocess.Popen[bytes]
    folder: Path


@pytest.fixture(params=[1000, 3], ids=["kept", "closed after three"])
def nginx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nginx]:
    tmp_path.chmod(0o755)
    port = free_port()
    files = tmp_path / "files"
    files.mkdir()
    (files / "large").write_bytes(LARGE)
    configuration = tmp_path / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""  # pytest's folders are closed to others
    configuration.write_text(user + CONFIGURATION.format(folder=tmp_path, port=port, keepalive=request.param))
    process = subprocess.Popen([NGINX, "-c", configuration, "-e", tmp_path / "error.log"])
    yield Nginx(Origin("http", "127.0.0.1", port), process, tmp_path)
    process.terminate()
    process.wait(20)


@pytest.fixture
async def client(nginx: Nginx) -> AsyncIterator[Client]:
    client = Client(Limits(connections_per_origin=4))
    listening = False

    async def probe() -> None:
        nonlocal listening
        while not listening:
            try:
                await client.request(nginx.origin, "GET", "/empty", [], timeout_seconds=10)
                listening = True
            except ConnectFailed:
                await asyncio.sleep(0.01)

    await asyncio.wait_for(probe(), 20)
    yield client
    await client.close()


async def test_many_requests_of_every_kind(nginx: Nginx, client: Client) -> None:
    async def kinds(number: int) -> None:
        for method, target, status, length in [
            ("GET", "/fixed", 200, 5),
            ("POST", "/fixed", 200, 5),
            ("HEAD", "/fixed", 200, 0),
            ("GET", "/empty", 204, 0),
            ("GET", "/large", 200, len(LARGE)),
            ("HEAD", "/large", 200, 0),
            ("GET", "/chunked", 200, len(LARGE)),
            ("GET", f"/missing?{number}", 404, 153),
        ]:
            response = await client.request(
                nginx.origin,
                method,
                target,
                [("Accept", "*/*")],
                b"x" * (method == "POST"),
                timeout_seconds=20,
            )
            assert (response.status, response.headers.get("Server", "")[:5]) == (status, "nginx")
            assert target.startswith("/missing") or len(response.body) == length
            if target == "/chunked":
                assert response.headers.get("transfer-encoding") == "chunked"
                assert response.body == LARGE

    await asyncio.gather(*map(kinds, range(8)))


async def test_not_modified_has_no_body(nginx: Nginx, client: Client) -> None:
    first = await client.request(nginx.origin, "GET", "/large", [], timeout_seconds=20)
    tag = first.headers.get("ETag", "")
    for _ in range(3):
        again = await client.request(
            nginx.origin, "GET", "/large", [("If-None-Match", tag)], timeout_seconds=20
        )
        assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(("length", "seen"), [(None, "/chunked"), (300_000, "300000/")])
async def test_a_streamed_upload(nginx: Nginx, client: Client, length: int | None, seen: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000

    for _ in range(3):
        async with client.stream(
            nginx.origin, "POST", "/fixed", [], body(),
            timeout_seconds=20, idle_seconds=20, content_length=length,
        ) as streamed:  # fmt: skip
            assert streamed.headers.get("X-Length") == seen
            assert b"".join([chunk async for chunk in streamed.chunks()]) == b"fixed"


async def test_an_upload_that_is_too_large_gets_its_answer_early(nginx: Nginx, client: Client) -> None:
    made = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * 100_000

    async with client.stream(
        nginx.origin, "POST", "/upload", [], body(), timeout_seconds=20, idle_seconds=20
    ) as streamed:
        assert streamed.status == 413
        assert b"413" in b"".join([chunk async for chunk in streamed.chunks()])
    whole = await client.request(nginx.origin, "POST", "/upload", [], b"x" * 5_000_000, timeout_seconds=20)
    assert whole.status == 413


async def test_a_reload_loses_no_request(nginx: Nginx, client: Client) -> None:
    stop = asyncio.Event()
    answered = 0

    async def keep_asking() -> None:
        nonlocal answered
        while not stop.is_set():
            response = await client.request(nginx.origin, "GET", "/fixed", [], timeout_seconds=20)
            assert response.body == b"fixed"
            answered += 1

    asking = [asyncio.create_task(keep_asking()) for _ in range(4)]
    for _ in range(3):
        before = answered
        reload = await asyncio.create_subprocess_exec(
            NGINX, "-c", nginx.folder / "nginx.conf", "-e", nginx.folder / "error.log", "-s", "reload"
        )
        assert await reload.wait() == 0
        await until(lambda before=before: answered > before + 200 or any(task.done() for task in asking))
    stop.set()
    await asyncio.gather(*asking)
