"""`kos backup` and `kos restore`: one moment of three databases and the event log, and back.

The moment is one for all four: while nobody can add to an outbox or take from one, the ends of the
topics and the consumers' places are noted, and a snapshot of each database is opened; that takes
some milliseconds. Dumps and records are then read from behind these marks. So every event of a
backup is in an outbox or in the log, and each consumer's place is at or before what its database
has taken in; the rest is what outbox and inbox are for. docs/operations.md, "Backup and restore".
"""

from deploy.local.backup.restore import NotRestored, restore_backup
from deploy.local.backup.take import NotTaken, take_backup

__all__ = ["NotRestored", "NotTaken", "restore_backup", "take_backup"]
