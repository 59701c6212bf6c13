"""RabbitMQ 3.10 of an instance: configuration, plugins, users, and the environment it starts with."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from compose.cli.secrets import RIO, Secrets
from compose.cli.site import Site

NODE = "rabbit@localhost"
PLUGINS = "[rabbitmq_prometheus].\n"
# A level of Rio's ladder of delays lets go of a message once the queue that it is due in has confirmed it. As
# RabbitMQ comes, it waits for 32: as many for one queue without a leader stop every subscription's retries.
ADVANCED = "[{rabbit, [{dead_letter_worker_consumer_prefetch, 10000}]}].\n"
FILE = "rabbitmq/rabbitmq.conf"  # below config/, as the next two
DEFINITIONS = "rabbitmq/definitions.json"
CLUSTER = "rabbitmq/cluster.conf"
CLUSTER_SOURCE = Path("compose/rabbitmq/cluster.conf")
"""Additional configuration of the nodes of a cluster, below the checkout."""

MEMORY = "384MiB"
"""The memory beyond which RabbitMQ blocks its publishers."""


def configuration(site: Site) -> str:
    """rabbitmq.conf, sized for a laptop."""
    amqp, metrics = site.listen("rabbitmq"), site.listen("rabbitmq-prometheus")
    return f"""\
listeners.tcp.default = {amqp}
prometheus.tcp.ip = {metrics.host}
prometheus.tcp.port = {metrics.port}
distribution.listener.interface = {site.bind}
distribution.listener.port_range.min = {site.listen("rabbitmq-distribution").port}
distribution.listener.port_range.max = {site.listen("rabbitmq-distribution").port}
load_definitions = {site.config / DEFINITIONS}

# Prometheus reads the core's own metrics: the collector of the management pages is of no use here.
management_agent.disable_metrics_collector = true
num_acceptors.tcp = 2
vm_memory_high_watermark.absolute = {MEMORY}
disk_free_limit.absolute = 256MB
raft.wal_max_size_bytes = 16777216
log.console = true
log.console.level = info
log.console.use_colors = off
log.file = false
"""


def definitions(folder: Path) -> str:
    """Users and permissions, imported at every start: `rio` alone (with definitions RabbitMQ makes no guest).

    folder: where the secrets are. The password goes in as RabbitMQ stores it, salted and hashed; the salt is
    derived from the password, so that the file stays the same.
    """
    password = Path(Secrets(folder).rabbitmq).read_text().strip().encode()
    salt = hashlib.sha256(b"rabbitmq salt " + password).digest()[:4]
    hashed = base64.b64encode(salt + hashlib.sha256(salt + password).digest()).decode()
    content = {
        "users": [
            {
                "name": RIO,
                "password_hash": hashed,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
        ],
        "vhosts": [{"name": "/"}],
        "permissions": [{"user": RIO, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
    }
    return json.dumps(content, indent=2) + "\n"


def environment(site: Site) -> dict[str, str]:
    """The environment of the server and its tools. HOME holds the cookie, so every instance has its own."""
    data = site.data / "rabbitmq"
    return {
        "HOME": str(data),
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # not the machine's own /etc/rabbitmq
        "RABBITMQ_CONFIG_FILE": str(site.config / FILE),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(site.config / "rabbitmq/advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(site.config / "rabbitmq/enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_PID_FILE": str(data / "rabbitmq.pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(data / "generated"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +SDcpu 1:1 -start_epmd false",
        "RABBITMQ_DIST_PORT": str(site.listen("rabbitmq-distribution").port),
        "ERL_EPMD_ADDRESS": site.bind,
        "ERL_EPMD_PORT": str(site.listen("epmd").port),
    }
