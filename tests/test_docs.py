"""The documents' statements about the repository hold."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
_READMES = (ROOT / folder / "README.md" for folder in ("compose/nginx", "gateway", "observability/http"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *_READMES])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
REQUIREMENT = re.compile(r"^([a-z][a-z0-9-]*)", re.MULTILINE)


def words(text: str) -> set[str]:
    """Names in a document's tables, `-name` continuing the one before and `name-*` standing for a family."""
    return set(re.findall(r"[a-z][a-z0-9-]*\*?", text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("file", ["runtime.in", "dev.in"])
def test_every_dependency_has_its_reason(file: str) -> None:
    text = (ROOT / "docs/dependencies.md").read_text()
    said = words(text)
    families = tuple(name.rstrip("*") for name in said if name.endswith("*"))
    names = REQUIREMENT.findall((ROOT / "requirements" / file).read_text())
    assert names
    assert [name for name in names if name not in said and not name.startswith(families)] == []


def test_every_alert_says_what_to_do() -> None:
    rules = (ROOT / "observability/prometheus/rules").glob("*.yml")
    groups = [group for file in rules for group in yaml.safe_load(file.read_text())["groups"]]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    told = set(re.findall(r"^### (\w+)$", (ROOT / "docs/operate.md").read_text(), re.MULTILINE))
    assert alerts == told


def test_every_top_level_folder_is_in_the_layout() -> None:
    layout = (ROOT / "CONTRIBUTING.md").read_text()
    assert all(
        f"`{name}/" in layout
        for name in ("gateway", "services", "broker", "observability", "dashboards", "compose", "tests")
    )


def _defined(path: Path) -> set[str]:
    """Functions, classes and their methods of a module: `name` and `Class.name`."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, kinds):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, kinds)}
    return found


def test_what_the_walks_name_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    walks = text[text.index("## Where is what") : text.index("## Words")]
    named: list[tuple[str, str]] = []
    for line in walks.splitlines():
        folder = ""
        for file, name in re.findall(r"`([\w/]+\.py)` `([\w.]+)`", line):
            folder = str(Path(file).parent) if "/" in file else folder
            named.append((file if "/" in file else f"{folder}/{file}", name))
    assert len(named) > 25
    files = re.findall(r"`([\w-]+/[\w/.-]+\.(?:py|j2|yaml|yml))`", walks)
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert [each for each in named if each[1] not in _defined(ROOT / each[0])] == []
