"""The outbox and the inbox, which the relay reads."""

from django.db import migrations

from broker.client.outbox import SCHEMA


class Migration(migrations.Migration):
    dependencies = (("orders", "0001_orders"),)
    operations = (
        migrations.RunSQL(SCHEMA, "DROP TABLE outbox, inbox; DROP FUNCTION outbox_notify()"),
    )
