"""The images, built otherwise than `docker compose up` does."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.containers.composition import Composition

pytestmark = pytest.mark.containers


@pytest.mark.parametrize("name", ["nginx", "python"])
def test_an_image_is_built_without_buildkit(
    composition: Composition, strict_checkout: Path, name: str
) -> None:
    """As Debian 12's docker-compose does. Of the two that take minutes more, the files are no different."""
    file = strict_checkout / f"compose/images/{name}.Dockerfile"
    target = ["--target", "hops"] if name == "python" else []
    engine = composition.engine
    legacy = replace(engine, environment={**engine.environment, "DOCKER_BUILDKIT": "0"})
    tag = f"nextphase-test/{name}"
    legacy.docker("build", "--file", file, "--tag", tag, *target, strict_checkout, timeout_seconds=900)
    program = ["nginx", "-v"] if name == "nginx" else ["python", "-c", "import gateway.__main__"]
    legacy.docker("run", "--rm", "--entrypoint", program[0], tag, *program[1:])
    legacy.docker("rmi", tag)
