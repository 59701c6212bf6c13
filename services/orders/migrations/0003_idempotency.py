"""Keys of requests that can be repeated."""

from django.db import migrations

from services.chassis.idempotency import SCHEMA


class Migration(migrations.Migration):
    dependencies = (("orders", "0002_outbox"),)
    operations = (migrations.RunSQL(SCHEMA, "DROP TABLE idempotency_keys"),)
