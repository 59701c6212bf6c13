"""Where Django looks for a database backend."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from observability.postgresql.connection import CHECK_SECONDS, Connection, answer_timeout
from services.chassis.database import ANSWER_SECONDS, MIGRATE, MIGRATION_SECONDS


class _Driver:
    """psycopg as Django uses it, which opens bounded connections."""

    def connect(self, *arguments: Any, **parameters: Any) -> Connection[Any]:
        connection = Connection[Any].connect(*arguments, **parameters)
        migrates = parameters.get("options") == MIGRATE["options"]
        connection.answer_seconds = MIGRATION_SECONDS if migrates else ANSWER_SECONDS
        return connection

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, bounded."""

    Database = _Driver()  # type: ignore[assignment] # it is asked nothing but what a module has

    def is_usable(self) -> bool:
        with answer_timeout(self.connection, CHECK_SECONDS):
            usable: bool = super().is_usable()
        return usable
