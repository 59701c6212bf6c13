"""How Alembic reaches the database."""

from alembic import context
from sqlalchemy import NullPool, create_engine

from services.chassis.database import MIGRATE
from services.chassis.engine import engine_url

with create_engine(engine_url(), poolclass=NullPool, connect_args=MIGRATE).connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
