"""The journal's tables. Change them only together with a migration in `migrations/versions`."""

import sqlalchemy as sa

metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String, nullable=False),  # ISO 8601, UTC
    sa.Column("environment", sa.String, nullable=False),  # "site/environment", "" for none
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sqlite_autoincrement=True,  # an id is never used twice
)
sa.Index("event_by_environment", event.c.environment, event.c.id)

environment = sa.Table(
    "environment",
    metadata,
    sa.Column("id", sa.String, primary_key=True),  # "site/environment"
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

override = sa.Table(
    "override",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("environment", sa.String, nullable=False, index=True),
    sa.Column("expires_at", sa.String, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)
