"""Rotate a key-encryption key: wrap every data key anew, leave what they sealed as it is.

Runs beside the service: both versions open meanwhile. Afterwards the old version may go.
"""

import asyncpg

from shared.sealing import KeyEncryption

_AT_ONCE = 1000


async def rewrap(owner_dsn: str, key_encryption: KeyEncryption) -> int:
    """Wrap the data keys of every brand with the current version; how many had another one.

    `owner_dsn` logs in as the role that owns the tables: the only one that sees the data keys of
    all brands. Safe to repeat and to break off; a person erased meanwhile stays erased. Raises
    Unreadable when a version is missing.
    """
    connection = await asyncpg.connect(owner_dsn, timeout=5, command_timeout=10)
    try:
        rewrapped = 0
        while count := await _rewrap_some(connection, key_encryption):
            rewrapped += count
        return rewrapped
    finally:
        await connection.close()


async def _rewrap_some(connection: asyncpg.Connection, key_encryption: KeyEncryption) -> int:
    current = key_encryption.current_version
    async with connection.transaction():
        rows = await connection.fetch(
            "select brand_id, subject_id, kek_version, wrapped from data_key "
            "where kek_version <> $1 limit $2 for update",
            current,
            _AT_ONCE,
        )
        await connection.executemany(
            "update data_key set wrapped = $3, kek_version = $4 "
            "where brand_id = $1 and subject_id = $2",
            [
                (brand_id, subject_id, key_encryption.wrap(key, brand_id, subject_id), current)
                for brand_id, subject_id, version, wrapped in rows
                for key in [key_encryption.unwrap(wrapped, version, brand_id, subject_id)]
            ],
        )
    return len(rows)
