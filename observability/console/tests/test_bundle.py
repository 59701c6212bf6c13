"""The front end's files: whole, cached by the browser, compressed."""

import gzip
from pathlib import Path

import pytest

from observability.configuration.errors import ConfigurationError
from observability.console import bundle
from observability.console.application import PAGES
from observability.console.tests.consoles import Console

INDEX = "<!doctype html>"


def test_a_folder_without_the_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        bundle.load(tmp_path / "nowhere")
    (tmp_path / "main.js").write_text("1")
    with pytest.raises(ConfigurationError, match="has no index"):
        bundle.load(tmp_path)


def test_files_are_held_by_name_plain_and_compressed(tmp_path: Path) -> None:
    content = {"index.html": "<p>" * 100, "main.js": "a()" * 100, "logo.png": "png"}
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    files = bundle.load(tmp_path)
    assert files.keys() == content.keys()
    assert files["main.js"].content_type == "text/javascript; charset=utf-8"
    assert files["logo.png"].content_type == "image/png"
    assert files["logo.png"].gzipped is None
    assert gzip.decompress(files["main.js"].gzipped or b"").decode() == content["main.js"]
    assert len({file.etag for file in files.values()}) == 3


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_at_the_address_of_every_page(console: Console, page: str) -> None:
    path = page.replace("(.*)", "some/thing").replace("([^/]*)", "stock")
    answer = console.get(path)
    assert (answer.status_code, answer.text) == (200, INDEX)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/nowhere", "/traces/x", "/api/stock/x", "/assets/main.js", "/assets/"])
def test_there_are_no_other_pages(console: Console, path: str) -> None:
    answer = console.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_browser_that_has_a_file_is_told_so(console: Console) -> None:
    first = console.get("/")
    assert first.headers["Cache-Control"] == "no-cache", "asked about again each time"
    again = console.get("/", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert console.get("/", If_None_Match='"another"').status_code == 200


def test_a_file_is_compressed_for_whoever_takes_that(console: Console) -> None:
    plain = console.get("/assets/index.html", Accept_Encoding="identity")
    compressed = console.get("/assets/index.html", Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert plain.text == compressed.text == INDEX
    assert plain.headers["Vary"] == compressed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/nothing", "/trace", "/d", "/assets"])
def test_an_address_without_a_page_is_told_by_the_page(console: Console, path: str) -> None:
    answer = console.get(path, Accept="text/html,*/*;q=0.8")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/nothing/here"), ("POST", "/nothing")])
def test_what_is_no_page_is_a_problem_for_browsers_too(console: Console, method: str, path: str) -> None:
    answer = console.ask(method, path, Accept="text/html")
    assert answer.status_code in (404, 405)
    assert answer.headers["Content-Type"] == "application/problem+json"
