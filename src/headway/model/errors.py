"""Headway's errors: one tree, each with a remedy in its message.

An expected outcome is a value, not an error; a bug is an assert. These are for a world that failed.
"""


class HeadwayError(Exception):
    """What went wrong, where and why; `remedy` says what to do next."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class SiteError(HeadwayError):
    """The description cannot be used. Its problems were reported with their places."""


class EngineError(HeadwayError):
    """Processes could not be started, seen or ended."""


class StaleEpochError(EngineError):
    """A newer control plane has taken over; this one must stop acting."""


class TrafficError(HeadwayError):
    """Envoy could not be started, refused a configuration, or did not take it."""


class JournalError(HeadwayError):
    """The journal could not be read or written."""


class JournalFullError(JournalError):
    """The journal's disk is full; only restart, eject and drain go on."""


class BackupError(JournalError):
    """The file that was named is no backup, or cannot become one."""


class SecretError(HeadwayError):
    """A secret could not be read. Never carries its value."""


class StorageError(HeadwayError):
    """The store of samples could not be opened, written, copied or restored."""


class StorageFullError(StorageError):
    """No room for samples, on the disk or in memory; what is stored stays readable."""
