"""The first tables: meta, event, environment, override."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("event_by_environment", "event", ["environment", "id"])
    op.create_table(
        "environment",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("directory", sa.String, nullable=False),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("applied_at", sa.String, nullable=False),
        sa.Column("going_down", sa.Boolean, nullable=False),
        sa.Column("purge", sa.Boolean, nullable=False),
        sa.Column("ports", sa.JSON, nullable=False),
        sa.Column("releases", sa.JSON, nullable=False),
    )
    op.create_table(
        "override",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("environment", sa.String, nullable=False, index=True),
        sa.Column("expires_at", sa.String, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
