"""The tables, but for the one that APScheduler's job store makes for itself (``apscheduler_jobs``)."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from orchestrator.store.columns import Document, Instant

__all__ = [
    "alerts",
    "config_versions",
    "deliveries",
    "equity",
    "fills",
    "incidents",
    "job_runs",
    "meta",
    "orders",
    "requests",
    "tables",
    "transitions",
    "untold",
]

tables = MetaData()

meta = Table("meta", tables, Column("key", String(64), primary_key=True), Column("value", Document, nullable=False))

transitions = Table(
    "transitions",
    tables,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("cause", Text, nullable=False),
)

job_runs = Table(
    "job_runs",
    tables,
    Column("id", Integer, primary_key=True),
    Column("job", String(64), nullable=False),
    Column("scheduled_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant, index=True),
    Column("result", String(16)),  # null: it has begun and not ended yet
    Column("reason", Text, nullable=False, default=""),
    Column("exit_code", Integer),
    Column("output", Text, nullable=False, default=""),
    UniqueConstraint("job", "scheduled_at"),
)

orders = Table(
    "orders",
    tables,
    Column("order_ref", String(128), primary_key=True),
    Column("order_id", Integer),
    Column("perm_id", Integer),
    Column("session", String(10), nullable=False),
    Column("strategy", String(64), nullable=False),
    Column("decision", String(64), nullable=False),
    Column("symbol", String(32), nullable=False),
    Column("action", String(4), nullable=False),
    Column("order_type", String(8), nullable=False),
    Column("total_quantity", Float, nullable=False),
    Column("limit_price", Float),
    Column("filled_quantity", Float, nullable=False, default=0.0),
    Column("avg_fill_price", Float),
    Column("status", String(16), nullable=False),
    Column("error_message", Text),
    Column("retry_count", Integer, nullable=False, default=0),
    Column("submitted_at", Instant, nullable=False, index=True),
    Column("updated_at", Instant, nullable=False),
    Index("ix_orders_decision", "session", "decision"),
)

fills = Table(
    "fills",
    tables,
    Column("fill_id", String(128), primary_key=True),
    Column("order_ref", String(128), ForeignKey("orders.order_ref"), nullable=False, index=True),
    Column("symbol", String(32), nullable=False),
    Column("action", String(4), nullable=False),
    Column("quantity", Float, nullable=False),
    Column("price", Float, nullable=False),
    Column("commission", Float, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)

untold = Table(  # what the engine has written down and the daemon has made no alert of, oldest first
    "untold",
    tables,
    Column("news", String(256), primary_key=True),
    Column("order_ref", String(128), nullable=False),
    Column("fill_id", String(128), nullable=False, default=""),  # empty: the order's end
)

equity = Table(
    "equity",
    tables,
    Column("at", Instant, primary_key=True),
    Column("session", String(10), nullable=False),
    Column("equity", Float, nullable=False),
    Column("cash", Float, nullable=False),
    Column("drawdown", Float, nullable=False),
)

alerts = Table(
    "alerts",
    tables,
    Column("id", String(36), primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("level", String(8), nullable=False),
    Column("topic", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("key", String(200), nullable=False, default="", index=True),  # alerts of one key are one matter
    Column("closes", String(200)),  # the key of the matter that is over with this
    Column("count", Integer, nullable=False, default=1),  # how often it was said
)

deliveries = Table(
    "deliveries",
    tables,
    Column("id", String(36), primary_key=True),
    Column("alert_id", String(36), ForeignKey("alerts.id"), nullable=False, index=True),
    Column("channel", String(64), nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("next_attempt", Instant),
)

config_versions = Table(
    "config_versions",
    tables,
    Column("version", String(12), primary_key=True),  # the first digits of the SHA-256 of the text
    Column("at", Instant, nullable=False, index=True),
    Column("author", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("suffix", String(8), nullable=False),
    Column("text", Text, nullable=False),  # as the file had it, with references in place of secrets
    Column("applied_at", Instant),  # when it last came into force
    Column("worked_at", Instant),  # when an engine first ran with it
)

incidents = Table(
    "incidents",
    tables,
    Column("id", String(64), primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("cause", Text, nullable=False),
    Column("engine_run", String(32), nullable=False),
    Column("path", Text),  # of the file with the rest; null if it could not be written
)

requests = Table(
    "requests",
    tables,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("args", Document, nullable=False),
    Column("answered_at", Instant, index=True),
    Column("ok", Integer),
    Column("answer", Document),
)
