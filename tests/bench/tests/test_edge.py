"""The variants of the edge that are measured write what their names say."""

from compose.nginx.tests import stand
from tests.bench import edge

NOT_OPEN = "127.0.0.1:1"


def written(edit: stand.Edit, wanted: set[str]) -> set[str]:
    """The kinds of log files that a request has left something in, once those are there that are wanted."""
    with stand.edge([NOT_OPEN], edit=edit) as nginx:
        assert nginx.request("GET", "/v1/stock").status == 502

        def kinds() -> set[str]:
            files = (nginx.folder / "logs").iterdir()
            return {file.name for file in files if file.stat().st_size} - {"error.log"}

        stand.until(lambda: kinds() >= wanted, "log files")
        return kinds()


def test_an_edge_without_telemetry_writes_no_span_and_no_line() -> None:
    everything, lines, neither = edge.VARIANTS.values()
    both = {"edge-spans.json", "edge-access.json"}
    assert written(everything, both) == both
    assert written(lines, {"edge-access.json"}) == {"edge-access.json"}
    assert written(neither, set()) == set()
