"""Images under the official names, made of Debian's packages: no registry of images is needed.

The official ones differ in size and in what else lies in them; programs, paths, users and entry points are
alike.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from compose.cli.toolbox import Toolbox
from tests.conftest import ROOT
from tests.containers import bases
from tests.containers.engine import Engine

FOLDER = Path(__file__).parent / "standins"
#: Stage of standins/Dockerfile of each official image.
STAGES = {
    "python": "python",
    "node": "node",
    "nginx": "nginx",
    "golang": "golang",
    "alpine": "alpine",
    "maven": "maven",
    "eclipse-temurin": "jre",
    "rabbitmq": "rabbitmq",
    "postgres": "postgres",
    "jaegertracing/jaeger": "jaeger",
    "grafana/loki": "loki",
    "prom/prometheus": "prometheus",
    "prom/alertmanager": "alertmanager",
}
#: Images that no package has.
MISSING = {"grafana/grafana"}
_BUILD_SECONDS = 900


def official() -> set[str]:
    """The official images that the composition starts or builds on, with their tags."""
    composition = yaml.safe_load((ROOT / "compose/docker-compose.yaml").read_text())
    started = {service["image"] for service in composition["services"].values()}
    files = [file.read_text() for file in (ROOT / "compose/images").glob("*.Dockerfile")]
    sources = {image for text in files for image in re.findall(r"^FROM (\S+:\S+)", text, re.MULTILINE)}
    return {image for image in started | sources if not image.startswith("nextphase/")}


def make(engine: Engine) -> None:
    """Builds what is not there yet or was built from something else."""
    bases.make(engine)
    for image in sorted(official()):
        repository, _, _ = image.partition(":")
        if repository not in MISSING:
            _build(engine, STAGES[repository], image)


def _build(engine: Engine, stage: str, image: str) -> None:
    contexts = [word for name, folder in _contexts() for word in ("--build-context", f"{name}={folder}")]
    command = ["build", "--quiet", "--target", stage, "--tag", image, *contexts, str(FOLDER)]
    engine.docker(*command, timeout_seconds=_BUILD_SECONDS)


def _contexts() -> Iterator[tuple[str, Path]]:
    toolbox = Toolbox.locate(ROOT)
    goroot = subprocess.run(
        ["go", "env", "GOROOT"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    yield "go", Path(goroot.strip())
    yield "requirements", ROOT / "requirements"
    yield "jaeger-tool", toolbox.jaeger.parent
    yield "loki-tool", toolbox.loki.parent
