"""The service's own health check."""

from django.db import connection


def check_database() -> None:
    """Raise unless the database answers.

    Health checks run on threads of their own, whose connections no request would ever close.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
