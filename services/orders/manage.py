"""Django's command line: `python -m services.orders.manage migrate`, `makemigrations`, ..."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

from services.chassis.database import MIGRATE

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "services.orders.settings")
    for database in settings.DATABASES.values():
        database["OPTIONS"] = MIGRATE
    execute_from_command_line(sys.argv)
