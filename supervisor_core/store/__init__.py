"""What the system knows, kept in two DuckDB files; all SQL of the project lives in this package."""

from supervisor_core.store.database import Connection
from supervisor_core.store.store import Store

__all__ = ["Connection", "Store"]
