"""nginx as a process: its users, folders, signals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from compose.cli.sampling import Sampling
from compose.nginx.tests import stand


def owner(path: Path) -> int:
    return path.stat().st_uid


@pytest.mark.skipif(not stand.ROOT, reason="only root can give workers another user")
def test_workers_of_root_are_another_user(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    assert edge.request("POST", "/v1/x", body=b"x" * 60_000).status == 200
    # A worker begins as root: it has become another once it answers.
    assert owner(Path(f"/proc/{edge.workers[0]}")) != 0


@pytest.mark.skipif(
    not stand.ROOT, reason="needs root to become somebody else; otherwise every test is this one"
)
def test_everything_works_as_an_ordinary_user(upstreams: list[stand.Upstream]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="nextphase-nginx-"))
    nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    nginx = stand.Nginx(
        "edge",
        {
            "gateways": [upstreams[0].address],
            "gateway_health": [upstreams[0].address],
            "limits": stand.LIMITS,
            "callers": stand.CALLERS,
            "sampling": Sampling(),
            "banned_file": stand.TEMPLATES / "banned.conf",
        },
        user=None,
        prefix=nobody,
        folder=folder,
    )
    if subprocess.run(
        [*nobody, "cat", nginx.context["banned_file"]], capture_output=True, check=False
    ).returncode:
        nginx.context["banned_file"] = shutil.copy(nginx.context["banned_file"], folder)
    nginx.render()
    for path in (folder, folder / "logs", folder / "temp"):
        shutil.chown(path, "nobody", "nogroup")
    with nginx:
        assert owner(Path(f"/proc/{nginx.process.pid}")) == owner(folder) != 0
        answer = nginx.request("POST", "/v1/x", body=b"x" * 60_000)
        assert answer.status == 200
        assert nginx.span(answer.header("x-trace-id"))
        assert "[emerg]" not in (folder / "logs" / "error.log").read_text()


def test_temporary_files_stay_in_their_folder(upstreams: list[stand.Upstream]) -> None:
    def edit(text: str) -> str:
        return text.replace("client_body_buffer_size 128k", "client_body_buffer_size 1k")

    with stand.edge([upstreams[0].address], edit=edit) as nginx:
        assert nginx.request("POST", "/v1/x", body=b"x" * 60_000).status == 200
        assert {each.name for each in (nginx.folder / "temp").iterdir()} >= {"body", "proxy"}
        assert f"{nginx.folder}/temp/body/" in (nginx.folder / "logs" / "error.log").read_text()


def test_files_are_opened_again_on_usr1(edge: stand.Nginx) -> None:
    """As logrotate does it: no line is lost, none goes to the old file afterwards."""
    logs = edge.folder / "logs"
    first = edge.request("GET", "/nowhere").header("x-trace-id")
    edge.span(first)
    for name in ("edge-access.json", "edge-spans.json", "error.log"):
        os.rename(logs / name, logs / f"{name}.1")
    edge.process.send_signal(signal.SIGUSR1)
    stand.until(lambda: (logs / "error.log").exists() and (logs / "edge-spans.json").exists(), "new files")
    worker = edge.workers[0]

    def moved() -> bool:
        targets = [os.readlink(each) for each in Path(f"/proc/{worker}/fd").iterdir()]
        return not any(target.endswith(".1") for target in targets)

    stand.until(moved, "the worker left the old files")
    second = edge.request("GET", "/nowhere").header("x-trace-id")
    edge.span(second)
    edge.access(second)
    assert first.encode() in (logs / "edge-spans.json.1").read_bytes()
    assert second.encode() not in (logs / "edge-spans.json.1").read_bytes()


def test_a_stop_lets_requests_finish(upstreams: list[stand.Upstream], seen: list[stand.Seen]) -> None:
    """SIGQUIT is the graceful one; SIGTERM, with which every test ends, is the quick one."""
    with stand.edge([upstreams[0].address]) as nginx:
        pass_through = subprocess.Popen(
            ["curl", "-s", f"http://127.0.0.1:{nginx.port}/v1/x?sleep=0.5"], stdout=subprocess.PIPE
        )
        stand.until(lambda: seen, "the request is on its way")
        nginx.process.send_signal(signal.SIGQUIT)
        output, _ = pass_through.communicate(timeout=10)
        assert output == b'{"server": "one"}'
        assert nginx.process.wait(10) == 0


def test_reload_reads_the_ban_list(upstreams: list[stand.Upstream]) -> None:
    with stand.edge([upstreams[0].address]) as nginx:
        assert nginx.request("GET", "/v1/x").status == 200
        with (nginx.folder / "banned.conf").open("a") as file:
            file.write("127.0.0.0/8 1;\n")
        nginx.process.send_signal(signal.SIGHUP)
        stand.until(lambda: nginx.request("GET", "/v1/x").status == 403, "the ban holds")
