"""The data of events as it was written: jsonb wrote its numbers anew."""

from alembic import op

from broker.client.outbox import DATA_AS_WRITTEN

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DATA_AS_WRITTEN)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE outbox ALTER COLUMN data TYPE jsonb USING data::jsonb")
