"""Which binary is used: named, on PATH or built; and why another one is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from compose.cli.commands import doctor
from compose.cli.fingerprints import Fingerprints
from compose.cli.layout import Layout
from compose.cli.platform import FILE
from compose.cli.process import Process
from compose.cli.refusal import Refused
from compose.cli.setup import programs, tools
from compose.cli.setup.tools import JAEGER, LOKI, OTELCOL, PROCESS_COMPOSE, TOOLS, Tool
from compose.cli.tests import checkout
from compose.cli.tool_selection import BUILT, NAMED, ON_PATH, REQUIREMENTS, identity, select_all

OFFICIAL = {
    PROCESS_COMPOSE: "Process Compose\nVersion:\tv{}\nCommit:\t\t9ab6cf2\nDate (UTC):\t2025-05-01T10:11:12Z",
    OTELCOL: "otelcol-contrib version {}",
    JAEGER: '{{"gitCommit":"95b6a8cc","gitVersion":"v{}","buildDate":"2025-12-04T17:09:40Z"}}',
    LOKI: "loki, version {} (branch: HEAD, revision: 7c3e0ab0)\n  go version:       go1.26.8\n",
}
"""The output of each official binary that is asked for its version."""

CONTRIB = """\
receivers:
  - {name: %s, module: github.com/open-telemetry/opentelemetry-collector-contrib/receiver/x v0.145.0}
processors: []
exporters: []
connectors: []
extensions: []
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the tools' own files, an empty cache, and nothing on PATH but `bin` below it."""
    made = checkout.make(tmp_path)
    shutil.copytree(checkout.ROOT / "compose/tools", made / "compose/tools")
    for part in ("collector", "jaeger", "loki"):
        shutil.copytree(
            checkout.ROOT / "observability" / part, made / "observability" / part, dirs_exist_ok=True
        )
    (made / "bin").mkdir()
    monkeypatch.setattr(programs, "SEARCH_PATH", str(made / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(made / "cache"))
    return made


Put = Callable[..., Path]


@pytest.fixture
def put(root: Path) -> Put:
    """Puts a script on PATH that answers its words as given, by the first of them, and else does nothing."""

    def make(name: str, mode: int = 0o755, **answers: str) -> Path:
        cases = "".join(
            f"{word.replace('_', '-')}) cat <<'EOF'\n{said}\nEOF\n;;\n" for word, said in answers.items()
        )
        (root / "bin" / name).write_text(f'#!/bin/sh\ncase "$1" in\n{cases}*) ;;\nesac\n')
        (root / "bin" / name).chmod(mode)
        return root / "bin" / name

    return make


def asked(tool: Tool, version: str) -> dict[str, str]:
    return {REQUIREMENTS[tool].version_words[0]: OFFICIAL[tool].format(version)}


def name_tool(root: Path, tool: Tool, path: Path) -> int:
    """Names a binary in compose/platform.yaml; returns the line."""
    file, line = root / FILE, f"  {tool.name}: {path}"
    file.write_text(file.read_text().replace("tools: {}", f"tools:\n{line}"))
    return file.read_text().splitlines().index(line) + 1


def test_without_any_other_binary_ours_are_used_and_nothing_is_said(root: Path) -> None:
    for tool, selection in select_all(root).items():
        assert (selection.source, selection.path) == (BUILT, tools.binary(root, tool))
        assert selection.lines() == []


@pytest.mark.parametrize(
    ("tool", "version", "used"),
    [
        (PROCESS_COMPOSE, "1.64.1", True),
        (PROCESS_COMPOSE, "1.70.0", True),
        (PROCESS_COMPOSE, "1.64.0", False),
        (PROCESS_COMPOSE, "2.0.0", False),
        (JAEGER, "2.0.0", True),
        (JAEGER, "2.13.0", True),
        (JAEGER, "1.76.0", True),
        (JAEGER, "1.75.9", False),
        (JAEGER, "3.0.0", False),
        (LOKI, "3.7.0", True),
        (LOKI, "3.10.2", True),
        (LOKI, "3.6.12", False),
        (LOKI, "4.0.0", False),
    ],
)
def test_versions(root: Path, put: Put, tool: Tool, version: str, used: bool) -> None:
    found = put(tool.name, **asked(tool, version))
    selection = select_all(root)[tool]
    if used:
        assert (selection.source, selection.path, selection.version) == (ON_PATH, found, version)
        assert selection.lines() == [f"{tool.name}: {found}, {version}, on PATH"]
    else:
        assert selection.source == BUILT
        [line] = selection.lines()
        assert line.startswith(f"{tool.name}: passed over {found}: is {version}, ")


def test_what_is_pinned_is_new_enough(root: Path) -> None:
    for tool in (PROCESS_COMPOSE, JAEGER, LOKI):
        pinned = tuple(int(part) for part in tools.version(root, tool).removeprefix("v").split("."))
        assert pinned >= REQUIREMENTS[tool].least
        assert pinned[0] <= REQUIREMENTS[tool].newest_major


def test_a_program_that_does_not_tell_its_version_is_passed_over(root: Path, put: Put) -> None:
    put("loki", _version="visual regression testing")
    [line] = select_all(root)[LOKI].lines()
    assert line.endswith("`loki -version` does not tell its version")


def test_a_program_that_fails_is_passed_over(root: Path, put: Put) -> None:
    put("loki").write_text("#!/bin/sh\necho 'unknown flag: -version' >&2\nexit 2\n")
    [line] = select_all(root)[LOKI].lines()
    assert line.endswith("`-version` fails: unknown flag: -version")


def test_a_program_that_refuses_the_configuration_is_passed_over(root: Path, put: Put) -> None:
    script = put("jaeger", **asked(JAEGER, "2.1.0"))
    script.write_text(script.read_text().replace("*) ;;", "*) echo 'unknown type: \"badger\"'; exit 1;;"))
    [line] = select_all(root)[JAEGER].lines()
    assert "2.1.0 does not accept observability/jaeger/jaeger.yaml: unknown type" in line


def test_an_official_collector_is_passed_over_and_the_next_name_is_looked_at(root: Path, put: Put) -> None:
    official = asked(OTELCOL, "0.145.0")
    put("otelcol", components=CONTRIB % "otlp", **{"__version": official["--version"]})
    put("otelcol-contrib", **{"__version": OFFICIAL[OTELCOL].format("0.99.0")})
    core, contrib = select_all(root)[OTELCOL].lines()
    missing = "connector forward, connector servicegraph, connector spanmetrics, exporter otlphttp, "
    assert f"bin/otelcol: has no {missing}" in core
    assert contrib.endswith("bin/otelcol-contrib: is 0.99.0, 0.145.0 or newer is needed")


def test_a_collector_needs_our_components_and_not_others_of_their_names(root: Path, put: Put) -> None:
    sections = ("receivers", "processors", "exporters", "connectors", "extensions")
    names = "otlp fluentforward otlpjsonfile filelog nginx memory_limiter transform loglimits masking"
    names += " groupbyattrs tail_sampling hostmetrics hostpressure httpcheck postgresqlstat"
    names += " forward spanmetrics servicegraph otlphttp prometheus health_check file_storage filebacklog"
    modules = {name: f"go.opentelemetry.io/collector/{name} v0.145.0" for name in names.split()}

    def listed() -> str:
        return json.dumps({each: [{"name": n, "module": m} for n, m in modules.items()] for each in sections})

    version = {"__version": OFFICIAL[OTELCOL].format("0.145.0")}
    put("otelcol", components=listed(), **version)
    [line] = select_all(root)[OTELCOL].lines()
    own = "receiver fluentforward, receiver hostpressure, receiver postgresqlstat"
    own += ", processor loglimits, processor masking, exporter otlphttp"
    own += ", extension filebacklog"
    assert f"its {own} is not that of" in line
    ours = f"nextphase/otelcol {tools.version(root, OTELCOL)}"
    modules |= dict.fromkeys(
        (
            "fluentforward",
            "hostpressure",
            "postgresqlstat",
            "loglimits",
            "masking",
            "otlphttp",
            "filebacklog",
        ),
        ours,
    )
    put("otelcol", components=listed(), **version)
    assert select_all(root)[OTELCOL].source == ON_PATH
    modules["loglimits"] = "nextphase/otelcol of-another-checkout"
    put("otelcol", components=listed(), **version)
    [line] = select_all(root)[OTELCOL].lines()
    assert "its processor loglimits is not that of compose/tools/otelcol as it is here" in line


def test_a_named_binary_comes_before_what_is_on_path(root: Path, put: Put) -> None:
    put("loki", **asked(LOKI, "3.8.0"))
    named = put("loki-3.9", **asked(LOKI, "3.9.0"))
    name_tool(root, LOKI, named)
    selection = select_all(root)[LOKI]
    assert (selection.source, selection.path, selection.version) == (NAMED, named, "3.9.0")


@pytest.mark.parametrize(
    ("mode", "version", "said"),
    [
        (None, "", "there is no such file"),
        (0o644, "3.9.0", "is not executable"),
        (0o755, "2.9.8", "is 2.9.8, 3.7.0 or newer is needed"),
    ],
)
def test_a_named_binary_that_will_not_do_is_refused_with_its_line(
    root: Path, put: Put, mode: int | None, version: str, said: str
) -> None:
    path = root / "bin/other" if mode is None else put("other", mode, **asked(LOKI, version))
    line = name_tool(root, LOKI, path)
    with pytest.raises(Refused) as refused:
        select_all(root)
    assert str(refused.value) == f"compose/platform.yaml:{line}: tools.loki: {path}: {said}"


def test_doctor_tells_what_is_used_and_what_is_not(root: Path, put: Put) -> None:
    jaeger, loki = put("jaeger", **asked(JAEGER, "2.13.0")), put("loki", **asked(LOKI, "2.9.8"))
    found = {finding.check: finding for finding in doctor._selected(root)}
    assert found["tool jaeger"].detail == f"{jaeger}, 2.13.0, on PATH"
    assert (found["tool jaeger"].path, found["tool jaeger"].source) == (str(jaeger), ON_PATH)
    assert found["tool loki"].detail == f"not built; passed over {loki}: is 2.9.8, 3.7.0 or newer is needed"
    assert not found["tool loki"].right
    line = name_tool(root, LOKI, loki)
    [wrong] = doctor._selected(root)
    assert wrong.detail.startswith(f"compose/platform.yaml:{line}: tools.loki: ")


def test_a_program_replaced_at_its_path_is_noticed(root: Path, put: Put) -> None:
    layout, program = Layout.open(root), put("jaeger", **asked(JAEGER, "2.13.0"))

    def taken() -> object:
        process = Process("jaeger", "", [str(program)], program=identity(program))
        return Fingerprints(layout, {"jaeger": process.document(layout.logs, root)}).take()

    before = taken()
    assert taken() == before
    put("jaeger", **asked(JAEGER, "2.14.1"), more="of it")
    assert taken() != before
    assert identity(root / "cache/nextphase/jaeger-0/jaeger") == ""


@pytest.mark.config
@pytest.mark.timeout(300)
def test_the_binaries_built_here_are_good_enough_on_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    for tool in TOOLS:
        built = tools.binary(root, tool)
        if not built.exists():
            pytest.skip(f"{tool.name} is not built: ./nextphase up")
        (root / "bin" / tool.name).symlink_to(built)
    for tool, selection in select_all(root).items():
        assert (selection.source, selection.path) == (ON_PATH, root / "bin" / tool.name)
        expected = "0.145.0" if tool is OTELCOL else tools.version(root, tool).removeprefix("v")
        assert selection.version == expected
