"""The outbox and the inbox, which the relay reads."""

from alembic import op

from broker.client.outbox import SCHEMA

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP TABLE outbox, inbox; DROP FUNCTION outbox_notify()")
