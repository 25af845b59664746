"""A vault on a disk: encrypted SQLite files in one folder."""

from kithspace.adapters.disk.folder import DiskFolder, Settings
from kithspace.adapters.disk.store import Session, SqliteStore
from kithspace.adapters.disk.wrapping import Stretching

__all__ = ["DiskFolder", "Session", "Settings", "SqliteStore", "Stretching"]
