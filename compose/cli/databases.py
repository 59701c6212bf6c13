"""Roles and databases as the catalog wants them: a psql script that may run any number of times."""

from __future__ import annotations

from string import Template

from compose.cli.catalog import Catalog
from compose.cli.secrets import MONITOR, RELAY, RIO, SUPERUSER, roles

# Statements that fail go to the server's log: theirs must not, they hold passwords.
_PREAMBLE = """\
\\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET log_min_error_statement = panic;
"""

_ROLE = Template("""
\\set password `cat "$$SECRETS/postgres/$role"`
SELECT 'CREATE ROLE "$role"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$role') \\gexec
ALTER ROLE "$role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
""")

_DATABASE = Template("""
SELECT 'CREATE DATABASE "$name" OWNER "$name"'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$name') \\gexec
ALTER DATABASE "$name" OWNER TO "$name";
REVOKE ALL ON DATABASE "$name" FROM PUBLIC;
""")

# Every role may use these two unless it is told otherwise, and `postgres` shows it what the server runs.
_OF_THE_SERVER = """
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
"""

_RELAY_MAY_CONNECT = Template("""GRANT CONNECT ON DATABASE "$name" TO "$relay";
""")

# The collector reads statistics, and no table of anyone.
_MONITOR = Template("""
GRANT pg_monitor TO "$monitor";
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
""")

_MONITOR_MAY_CONNECT = Template("""GRANT CONNECT ON DATABASE "$name" TO "$monitor";
""")


def script(catalog: Catalog) -> str:
    """The script, for psql 15 as superuser.

    Passwords are read from the files under the folder that the environment variable SECRETS names: the script
    holds none.
    """
    owned = [service.name for service in catalog.with_database]
    watched = (*owned, RIO, SUPERUSER)
    return "".join(
        (
            _PREAMBLE,
            _OF_THE_SERVER,
            *(_ROLE.substitute(role=role) for role in roles(catalog)),
            *(_DATABASE.substitute(name=name) for name in (*owned, RIO)),
            *(_RELAY_MAY_CONNECT.substitute(name=name, relay=RELAY) for name in owned),
            _MONITOR.substitute(monitor=MONITOR),
            *(_MONITOR_MAY_CONNECT.substitute(name=name, monitor=MONITOR) for name in watched),
        )
    )
