"""The data of events as it was written: jsonb wrote its numbers anew."""

from django.db import migrations

from broker.client.outbox import DATA_AS_WRITTEN


class Migration(migrations.Migration):
    dependencies = (("orders", "0003_idempotency"),)
    operations = (
        migrations.RunSQL(
            DATA_AS_WRITTEN, "ALTER TABLE outbox ALTER COLUMN data TYPE jsonb USING data::jsonb"
        ),
    )
