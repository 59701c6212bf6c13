"""Credentials of an instance: made once, kept, each in a file of mode 0600 in a folder of mode 0700 (0711 in
containers, where each file belongs to the one user who reads it).

gateway.credential  rio.credential   what services nginx admits its two callers by
callers.conf                         the same as nginx includes it: `"<credential>" <caller>;`
senders.json  senders/<name>         tokens of those who speak to Rio; `operator` is who runs the instance,
                                     `viewer` may see everything and change nothing: the console
operate/                             what lets a browser act, until it is used: see compose.cli.operate
relay.operator                       the operator's token for the relay: what Rio refused of the outboxes
webhook.key                          what Rio derives the secrets from that it signs deliveries with
tokens.pem  jwks.json                what signs access tokens, and its public half
rabbitmq                             the password of Rio's RabbitMQ user
erlang.cookie                        what the nodes of a RabbitMQ cluster know each other by
postgres/<role>  pgpass/<role>       PostgreSQL passwords, bare and as libpq and pgjdbc read them
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from compose.cli import files, tokens
from compose.cli.catalog import Catalog

CALLERS = ("gateway", "rio")
SUPERUSER = "postgres"
RELAY = "relay"
MONITOR = "monitor"
"""The role that the collector reads PostgreSQL's statistics as."""
OPERATOR = "operator"
VIEWER = "viewer"
RIO = "rio"

_BYTES = 32


@dataclass(frozen=True)
class Secrets:
    """Paths of the credential files under `folder`, as those see it who read them."""

    folder: PurePath

    def credential(self, caller: str) -> PurePath:
        """The credential by which services nginx admits `caller` (see CALLERS)."""
        return self.folder / f"{caller}.credential"

    @property
    def callers(self) -> PurePath:
        """The credentials as nginx' map includes them."""
        return self.folder / "callers.conf"

    @property
    def senders(self) -> PurePath:
        """JSON object: sender's name to its bearer token."""
        return self.folder / "senders.json"

    def sender(self, name: str) -> PurePath:
        """The bearer token of one sender."""
        return self.folder / "senders" / name

    @property
    def relay_operator(self) -> PurePath:
        """The bearer token that admits the operator to the relay's `/outbox`."""
        return self.folder / "relay.operator"

    @property
    def operate(self) -> PurePath:
        """Folder of what `nextphase console --operate` grants; see compose.cli.operate."""
        return self.folder / "operate"

    @property
    def webhook_key(self) -> PurePath:
        """The key from which the signing secrets of all subscriptions are derived."""
        return self.folder / "webhook.key"

    @property
    def signing_key(self) -> PurePath:
        """The private key, in PEM, with which `nextphase token` signs access tokens."""
        return self.folder / "tokens.pem"

    @property
    def jwks(self) -> PurePath:
        """Its public half, which the gateway verifies them with: a JWK Set."""
        return self.folder / "jwks.json"

    @property
    def rabbitmq(self) -> PurePath:
        """The password of Rio's user."""
        return self.folder / "rabbitmq"

    @property
    def erlang_cookie(self) -> PurePath:
        """The secret that the nodes of a RabbitMQ cluster share."""
        return self.folder / "erlang.cookie"

    def password(self, role: str) -> PurePath:
        """The PostgreSQL password of `role`."""
        return self.folder / "postgres" / role

    def pgpass(self, role: str) -> PurePath:
        """The same for PGPASSFILE; it holds for any host, port and database."""
        return self.folder / "pgpass" / role


def roles(catalog: Catalog) -> list[str]:
    """Every PostgreSQL role but the superuser."""
    return [*(service.name for service in catalog.with_database), RELAY, RIO, MONITOR]


def ensure(folder: Path, catalog: Catalog, folder_mode: int = 0o700) -> None:
    """Makes what is missing; what is there is kept and its mode set right.

    folder_mode: who may pass through to the files, of which each is its owner's alone.
    """
    files.make_folder(folder, folder_mode)
    folder.chmod(folder_mode)
    for inner in ("senders", "postgres", "pgpass"):
        files.make_folder(folder / inner, folder_mode)
    names = Secrets(folder)
    credentials = {caller: _kept(names.credential(caller)) for caller in CALLERS}
    _derive(names.callers, "".join(f'"{secret}" {caller};\n' for caller, secret in credentials.items()))
    senders = [*(service.name for service in catalog), RELAY, OPERATOR, VIEWER]
    bearers = {name: _kept(names.sender(name)) for name in senders}
    _derive(names.senders, json.dumps(bearers, indent=2) + "\n")
    _kept(names.relay_operator)
    _kept(names.webhook_key)
    _kept(names.rabbitmq)
    _kept(names.erlang_cookie)
    _ensure_passwords(names, [SUPERUSER, *roles(catalog)])
    tokens.ensure(names.signing_key, names.jwks)


def _ensure_passwords(names: Secrets, wanted: Sequence[str]) -> None:
    for role in wanted:
        password = _kept(names.password(role))
        _derive(names.pgpass(role), f"*:*:*:{role}:{password}\n")


def _kept(path: PurePath) -> str:
    """The secret in `path`, a new one where there is none. Letters, digits, '-' and '_' alone: it needs no
    quoting anywhere."""
    file = Path(path)
    try:
        secret = file.read_text().strip()
    except FileNotFoundError:
        secret = secrets.token_urlsafe(_BYTES)
    _derive(file, secret + "\n")
    return secret


def _derive(path: PurePath, content: str) -> None:
    files.write(Path(path), content, 0o600)
