"""Keys of requests that can be repeated."""

from alembic import op

from services.chassis.idempotency import SCHEMA

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.drop_table("idempotency_keys")
