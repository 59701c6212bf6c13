"""Lines of every part that is not ours, as it writes them, through the real collector into Loki.

Each becomes a record of observability/logs/schema.yaml.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compose.cli import operations
from compose.cli.layout import Layout
from dashboards.annotations import DEPLOYS, DRILLS, Annotation
from tests.config.programs import Pipeline
from tests.conftest import eventually

pytestmark = pytest.mark.config

NOW = datetime.now(UTC).replace(microsecond=123000)
RFC3339 = NOW.strftime("%Y-%m-%dT%H:%M:%S.123Z")
NGINX_TIME = NOW.astimezone().strftime("%Y/%m/%d %H:%M:%S")
PLAIN = NOW.strftime("%Y-%m-%d %H:%M:%S.123")


@dataclass(frozen=True)
class Case:
    """A line of a file, `MARK` somewhere in its message, and what the record made of it has."""

    file: str
    line: str
    service: str
    level: str
    message: str
    fields: dict[str, str] = field(default_factory=dict)
    instance: str = ""
    has_time: bool = True


CRASH = """Traceback (most recent call last):
  File "/srv/manage.py", line 7, in {function}
    execute(sys.argv)
  File "/srv/settings.py", line 12, in read
    raise ImproperlyConfigured(text)
django.core.exceptions.ImproperlyConfigured: {message}"""
CHAINED = """Traceback (most recent call last):
  File "/srv/a.py", line 1, in read
    open(name)
FileNotFoundError: [Errno 2] No such file or directory: 'MARK'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/a.py", line 9, in <module>
    read()
RuntimeError: MARK"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: MARK
\tat nextphase.inventory.Application.main(Application.java:12)
Caused by: java.io.IOException: MARK is closed
\tat nextphase.inventory.Database.open(Database.java:7)
\t... 1 more"""

CASES = {
    "zap": Case(
        "collector.log",
        f'{{"level":"warn","ts":"{RFC3339}","caller":"internal/retry.go:9","msg":"MARK","error":"refused",'
        '"resource":{"service.name":"otelcol"},"otelcol.component.kind":"exporter"}',
        "collector",
        "warning",
        "MARK",
        {"logger": "internal/retry.go:9", "error_message": "refused", "otelcol_component_kind": "exporter"},
    ),
    "zap, a duration in seconds": Case(
        "collector.log",
        f'{{"level":"info","ts":"{RFC3339}","caller":"a.go:1","msg":"MARK","elapsed":0.25}}',
        "collector",
        "info",
        "MARK",
        {"duration_ms": "250"},
    ),
    "zap, fatal": Case(
        "jaeger.log",
        f'{{"level":"fatal","ts":"{RFC3339}","caller":"a.go:1","msg":"MARK","stacktrace":"main.main\\n\\ta.go:1"}}',
        "jaeger",
        "critical",
        "MARK",
        {"error_stack": "main.main\n\ta.go:1"},
    ),
    "Loki": Case(
        "loki.log",
        f'{{"caller":"ratestore.go:110","err":"empty ring","level":"error","msg":"MARK","ts":"{RFC3339}"}}',
        "loki",
        "error",
        "MARK",
        {"logger": "ratestore.go:110", "error_message": "empty ring"},
    ),
    "Prometheus": Case(
        "prometheus.log",
        f'{{"caller":"db.go:1","component":"tsdb","level":"info","msg":"MARK","duration":"1.5s","ts":"{RFC3339}"}}',
        "prometheus",
        "info",
        "MARK",
        {"component": "tsdb", "duration_ms": "1500"},
    ),
    "Alertmanager": Case(
        "alertmanager.log",
        f'{{"caller":"dispatch.go:352","err":"refused","level":"error","msg":"MARK","ts":"{RFC3339}"}}',
        "alertmanager",
        "error",
        "MARK",
        {"error_message": "refused"},
    ),
    "an operation": Case(
        "operator.log",
        f'{{"time":"{NOW.isoformat(timespec="microseconds")}","level":"info","logger":"operator.deploy",'
        '"message":"up: MARK replaced","operation":"deploy","hop":"orders"}',
        "operator",
        "info",
        "up: MARK replaced",
        {"operation": "deploy", "hop": "orders", "logger": "operator.deploy"},
    ),
    "PostgreSQL": Case(
        "postgres.log",
        f"{PLAIN} UTC [25765] 00000 LOG:  MARK listening on port 6433",
        "postgres",
        "info",
        "MARK listening on port 6433",
        {"process_id": "25765"},
    ),
    "PostgreSQL, a failed statement": Case(
        "postgres.log",
        f'{PLAIN} UTC [7] 42P01 relay@accounts ERROR:  relation "MARK" does not exist at character 71\n'
        f"{PLAIN} UTC [7] 42P01 relay@accounts STATEMENT:  \n\tSELECT *\n\tFROM MARK",
        "postgres",
        "error",
        'relation "MARK" does not exist at character 71',
        {
            "error_type": "42P01",
            "user": "relay",
            "database": "accounts",
            "statement": "\n\tSELECT *\n\tFROM MARK",
        },
    ),
    "PostgreSQL, a refused connection": Case(
        "postgres.log",
        f"{PLAIN} UTC [8] 28P01 rio@rio FATAL:  MARK",
        "postgres",
        "error",
        "MARK",
        {"error_type": "28P01"},
    ),
    "RabbitMQ": Case(
        "rabbitmq.log",
        f"{PLAIN}000+00:00 [notice] <0.44.0> MARK exited with reason: stopped",
        "rabbitmq",
        "info",
        "MARK exited with reason: stopped",
        {"process": "0.44.0"},
    ),
    "RabbitMQ, a message of several lines": Case(
        "rabbitmq.log",
        "\n".join(
            f"{PLAIN}001+00:00 [error] <0.44.0> {text}"
            for text in ("** MARK terminating", "** Reason:", "", "  x")
        ),
        "rabbitmq",
        "error",
        "** MARK terminating\n** Reason:\n\n  x",
        {"process": "0.44.0"},
    ),
    "the supervisor": Case(
        "supervisor.log",
        f"\x1b[90m{(NOW.astimezone()).strftime('%y-%m-%d %H:%M:%S.123')}\x1b[0m \x1b[33mWRN\x1b[0m "
        "\x1b[1mMARK\x1b[0m \x1b[36mprocess=\x1b[0mloki",
        "supervisor",
        "warning",
        "MARK process=loki",
    ),
    "nginx's error log": Case(
        "nginx/services-error.log",
        f"{NGINX_TIME} [crit] 258#258: *5 MARK failed (111: refused)",
        "services-nginx",
        "critical",
        "MARK failed (111: refused)",
        {"process_id": "258", "connection": "5"},
    ),
    "nginx's error log, a request with a query": Case(
        "nginx/edge-error.log",
        f"{NGINX_TIME} [error] 258#258: *5 connect() failed (111: refused), client: 127.0.0.1, server: , "
        'request: "GET /v1/MARK?name=Ada&x="Lovelace" HTTP/1.1", '
        'upstream: "http://127.0.0.1:8081/v1/MARK?name=Ada", '
        'host: "example.com", referrer: "https://example.org/Ada"',
        "edge-nginx",
        "error",
        "connect() failed (111: refused), client: 127.0.0.1, server: , "
        'request: "GET /v1/MARK?*** HTTP/1.1", upstream: "http://127.0.0.1:8081/v1/MARK?***", '
        'host: "example.com", referrer: ***',
    ),
    "nginx's error log, a query alone": Case(
        "nginx/edge-error.log",
        f'{NGINX_TIME} [error] 1#1: *5 MARK is rejected, request: "GET /v1?name=Ada HTTP/1.1"',
        "edge-nginx",
        "error",
        'MARK is rejected, request: "GET /v1?*** HTTP/1.1"',
    ),
    "gunicorn": Case(
        "orders-2.log",
        "[2026-11-30 04:04:28 +0000] [26009] [ERROR] MARK failed to boot",
        "orders",
        "error",
        "[2026-11-30 04:04:28 +0000] [26009] [ERROR] MARK failed to boot",
        instance="orders-2",
        has_time=False,
    ),
    "a file that was rotated": Case(
        "rio-api-2026-11-30T04-04-28.123.log",
        "ImportError: MARK",
        "rio",
        "error",
        "ImportError: MARK",
        instance="rio-api",
        has_time=False,
    ),
    "a crash of Python before its logging is set up": Case(
        "accounts.log",
        CRASH.format(function="main", message="MARK is not set"),
        "accounts",
        "error",
        CRASH.format(function="main", message="MARK is not set"),
        {
            "error_type": "django.core.exceptions.ImproperlyConfigured",
            "error_message": "MARK is not set",
            "error_stack": CRASH.format(function="main", message="MARK is not set"),
        },
        has_time=False,
    ),
    "a crash of Python with a cause": Case(
        "stock.log",
        CHAINED,
        "stock",
        "error",
        CHAINED.replace("\n\n", "\n"),
        {"error_type": "RuntimeError", "error_message": "MARK"},
        has_time=False,
    ),
    "a crash of Python with a message of several lines": Case(
        "emails.log",
        CRASH.format(function="main", message="MARK: 2 errors\nname\n  Field required\nsize\n  Too long"),
        "emails",
        "error",
        CRASH.format(function="main", message="MARK: 2 errors\nname\n  Field required\nsize\n  Too long"),
        {
            "error_type": "django.core.exceptions.ImproperlyConfigured",
            "error_message": "MARK: 2 errors\nname\n  Field required\nsize\n  Too long",
        },
        has_time=False,
    ),
    "a crash of Java": Case(
        "inventory.log",
        JAVA,
        "inventory",
        "error",
        JAVA,
        {"error_type": "java.lang.IllegalStateException", "error_message": "MARK", "error_stack": JAVA},
        has_time=False,
    ),
    "an error of a dotted type": Case(
        "payments.log",
        "django.core.exceptions.ImproperlyConfigured: MARK",
        "payments",
        "error",
        "django.core.exceptions.ImproperlyConfigured: MARK",
        has_time=False,
    ),
    "what its own format does not fit": Case(
        "rabbitmq.log", "{oops MARK", "rabbitmq", "info", "{oops MARK", has_time=False
    ),
}
NUMBERS = {"info": "9", "warning": "13", "error": "17", "critical": "21"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_line_of_a_part_is_a_record_of_the_schema(pipeline: Pipeline, case: Case) -> None:
    mark = f"m{secrets.token_hex(8)}"
    path = pipeline.folder / case.file if "/" in case.file else pipeline.logs / case.file
    with path.open("a") as file:
        file.write(case.line.replace("MARK", mark) + "\n")

    def look() -> tuple[dict[str, str], int, str]:
        (found,) = pipeline.lines(f'{{service_name="{case.service}"}} |= `{mark}`')
        return found

    def within() -> tuple[dict[str, str], int, str]:
        try:
            return look()
        except ValueError as error:
            raise AssertionError(str(error)) from error

    labels, at, line = eventually(within, within_seconds=60)
    assert line == case.message.replace("MARK", mark)
    expected = {name: value.replace("MARK", mark) for name, value in case.fields.items()}
    expected |= {
        "service_name": case.service,
        "service_instance_id": case.instance or case.service,
        "deployment_environment_name": "test",
        "severity_text": case.level,
        "level": case.level,
        "severity_number": NUMBERS[case.level],
    }
    assert labels.items() >= expected.items()
    assert "logger" in labels
    assert ("error_fingerprint" in labels) == (case.level in ("error", "critical"))
    assert not {"at", "ts", "msg", "caller", "err", "log_file_name"} & labels.keys()
    if case.has_time:
        assert abs(datetime.fromtimestamp(at / 1e9, UTC) - NOW) <= timedelta(seconds=1)


HOSTILE = "a\x1b[31m\x00\x07\x7f\u009b2J\u202eb \u2028 é 日本 😀"
SHOWN = r"a\x1b[31m\x00\x07\x7f\x9b2J\u202eb \u2028 é 日本 😀"
CONTENT = {
    "control characters": (HOSTILE.encode(), SHOWN),
    "a return": (b"a\rb", r"a\x0db"),
    "no UTF-8": (b"a\xff\xfe\xed\xa0\x80b", None),
    "a million characters": (b"x" * 1_000_000, None),
    "deep nesting": (b'{"a":' * 5000 + b"1" + b"}" * 5000, None),
    "an end of JSON": (b'"}\\" ${env:HOME} {{.x}} %s {level="x"}', '"}\\" ${env:HOME} {{.x}} %s {level="x"}'),
}
#: The beginning of a line of each part that writes what others gave it.
WRITERS = {
    "postgres.log": f'{PLAIN} UTC [9] 42P01 rio@rio ERROR:  MARK "'.encode(),
    "rabbitmq.log": f"{PLAIN}002+00:00 [error] <0.9.0> MARK ".encode(),
    "nginx/edge-error.log": f"{NGINX_TIME} [info] 1#1: *5 MARK ".encode(),
    "supervisor.log": f"{NOW.astimezone().strftime('%y-%m-%d %H:%M:%S.123')} ERR MARK ".encode(),
    "orders.log": b"[ERROR] MARK ",
}


@pytest.mark.parametrize("content", CONTENT)
def test_hostile_content_is_one_harmless_record(pipeline: Pipeline, content: str) -> None:
    """Of each part; the supervisor's lose colours. What is behind 64 KiB of a line are lines of their own."""
    written, shown = CONTENT[content]
    marks = {name: f"m{secrets.token_hex(8)}" for name in WRITERS}
    for name, beginning in WRITERS.items():
        path = pipeline.folder / name if "/" in name else pipeline.logs / name
        with path.open("ab") as file:
            file.write(beginning.replace(b"MARK", marks[name].encode()) + written + b"\n")

    def look() -> None:
        for name, mark in marks.items():
            found = [line for _, _, line in pipeline.lines(f'{{service_name=~".+"}} |= `{mark}`')]
            assert len(found) == 1, name
            assert len(found[0].encode()) <= 60 * 1024
            assert all(each in "\n\t" or each.isprintable() or each == "\ufffd" for each in found[0]), name
            expected = shown.replace(r"\x1b[31m", "") if shown and name == "supervisor.log" else shown
            assert expected is None or expected in found[0], name

    eventually(look, within_seconds=60)


def test_crashes_are_told_apart_by_their_functions(pipeline: Pipeline) -> None:
    mark = f"m{secrets.token_hex(8)}"
    with (pipeline.logs / "orders-3.log").open("a") as file:
        for function, message in (("main", "one"), ("main", "two 2"), ("other", "one")):
            file.write(CRASH.format(function=function, message=f"{mark} {message}") + "\n")

    def look() -> list[tuple[str, str]]:
        found = pipeline.lines(f'{{service_name="orders"}} |= `{mark}`')
        assert len(found) == 3
        return [(line, labels["error_fingerprint"]) for labels, _, line in found]

    found = eventually(look)
    assert len({fingerprint for line, fingerprint in found if "in main" in line}) == 1
    assert len({fingerprint for _, fingerprint in found}) == 2


def test_a_line_that_a_hop_sent_is_not_read_from_its_file_again(pipeline: Pipeline) -> None:
    mark = f"m{secrets.token_hex(8)}"
    with (pipeline.logs / "orders.log").open("a") as file:
        for opening in ('{"service":"orders"', f'{{"time":"{RFC3339}"'):
            file.write(f'{opening},"message":"{mark}"}}\n')
        file.write(f"after {mark}\n")

    def look() -> None:
        found = [line for _, _, line in pipeline.lines(f'{{service_name="orders"}} |= `{mark}`')]
        assert found == [f"after {mark}"]

    eventually(look)


@pytest.mark.parametrize(("kind", "annotation"), [("deploy", DEPLOYS), ("drill", DRILLS)])
def test_an_operation_is_marked_on_the_dashboards(
    pipeline: Pipeline, tmp_path: Path, kind: operations.Kind, annotation: Annotation
) -> None:
    layout, mark = Layout.open(tmp_path), secrets.token_hex(8)
    operations.record(layout, kind, f"orders {mark} replaced", "orders")
    with (pipeline.logs / "operator.log").open("a") as file:
        file.write(operations.path(layout).read_text())

    def look() -> None:
        marked = [(fields["hop"], line) for fields, _, line in pipeline.lines(annotation.expression)]
        assert ("orders", f"orders {mark} replaced") in marked

    eventually(look, 60.0)
