"""The version of the tables, and who may open which."""

from orchestrator.store.errors import StoreError

__all__ = ["SCHEMA_VERSION", "refuse_version"]

SCHEMA_VERSION = 2


def refuse_version(place: object, version: int | None, *, reading: bool) -> None:
    """Raise StoreError for a database of another version that can't be used as it is.

    :param version: None for a database in which there is nothing yet.
    :param reading: and not writing, which would bring an earlier version up to date.
    """
    if version is not None and version > SCHEMA_VERSION:
        raise StoreError(
            f"{place}: written by a newer version (schema {version}, this program knows {SCHEMA_VERSION}); "
            "install that version again, or restore a backup of this one's"
        )
    if version is not None and version < SCHEMA_VERSION and reading:
        raise StoreError(f"{place}: written by an earlier version; orchestrator start brings it up to date")
