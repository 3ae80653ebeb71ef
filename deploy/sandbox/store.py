"""The ledger: one SQLite file, written only by the event loop of one process.

Statements are short and the file is local, so they run in the loop itself; a `with db:` block is
one transaction and must not contain an `await`.
"""

import sqlite3
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, n INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS app (
  platform TEXT, app_id TEXT, settings TEXT NOT NULL, PRIMARY KEY (platform, app_id));
CREATE TABLE IF NOT EXISTS account (
  platform TEXT, handle TEXT, platform_id TEXT NOT NULL, app_id TEXT NOT NULL,
  nickname TEXT NOT NULL, city TEXT NOT NULL, store_code TEXT NOT NULL, channel_code TEXT NOT NULL,
  PRIMARY KEY (platform, handle));
CREATE INDEX IF NOT EXISTS account_by_id ON account (platform, platform_id);
CREATE TABLE IF NOT EXISTS grant_code (
  code TEXT PRIMARY KEY, platform TEXT NOT NULL, app_id TEXT NOT NULL, platform_id TEXT NOT NULL,
  scope TEXT NOT NULL, expires_at REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS token (
  token TEXT PRIMARY KEY, platform TEXT NOT NULL, kind TEXT NOT NULL, app_id TEXT NOT NULL,
  platform_id TEXT NOT NULL, scope TEXT NOT NULL, expires_at REAL NOT NULL,
  renewals INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS token_by_owner ON token (platform, kind, app_id, platform_id);

CREATE TABLE IF NOT EXISTS upload (
  video_id TEXT PRIMARY KEY, open_id TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS post (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, post_id TEXT NOT NULL UNIQUE, platform TEXT NOT NULL,
  account_handle TEXT NOT NULL, owner_id TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
  media_type TEXT NOT NULL, video_id TEXT NOT NULL DEFAULT '', page_id TEXT NOT NULL,
  created_at REAL NOT NULL, withdrawn INTEGER NOT NULL DEFAULT 0,
  views INTEGER NOT NULL DEFAULT 0, likes INTEGER NOT NULL DEFAULT 0,
  saves INTEGER NOT NULL DEFAULT 0, comments INTEGER NOT NULL DEFAULT 0,
  shares INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS post_by_owner ON post (platform, owner_id, seq);
CREATE UNIQUE INDEX IF NOT EXISTS post_by_page ON post (platform, page_id);
CREATE TABLE IF NOT EXISTS comment (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, comment_id TEXT NOT NULL UNIQUE, post_id TEXT NOT NULL,
  parent_id TEXT NOT NULL, user_id TEXT NOT NULL, content TEXT NOT NULL, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS comment_by_post ON comment (post_id, seq);

CREATE TABLE IF NOT EXISTS contact_way (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, config_id TEXT NOT NULL UNIQUE, corp_id TEXT NOT NULL,
  state TEXT NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS customer (
  corp_id TEXT, external_userid TEXT, name TEXT NOT NULL, PRIMARY KEY (corp_id, external_userid));
CREATE TABLE IF NOT EXISTS follow (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, corp_id TEXT NOT NULL, userid TEXT NOT NULL,
  external_userid TEXT NOT NULL, state TEXT NOT NULL, add_way INTEGER NOT NULL,
  mobile TEXT NOT NULL, tags TEXT NOT NULL DEFAULT '[]', created_at REAL NOT NULL,
  UNIQUE (corp_id, userid, external_userid));
CREATE TABLE IF NOT EXISTS corp_tag (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, corp_id TEXT NOT NULL, tag_id TEXT NOT NULL UNIQUE,
  group_id TEXT NOT NULL, group_name TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS task (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL UNIQUE, corp_id TEXT NOT NULL,
  kind TEXT NOT NULL, moment_id TEXT NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS confirmation (
  task_id TEXT, userid TEXT, confirmed_at REAL, PRIMARY KEY (task_id, userid));
CREATE TABLE IF NOT EXISTS mass_send (
  task_id TEXT, userid TEXT, external_userid TEXT, PRIMARY KEY (task_id, external_userid));
CREATE TABLE IF NOT EXISTS transfer (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, corp_id TEXT NOT NULL, external_userid TEXT NOT NULL,
  handover TEXT NOT NULL, takeover TEXT NOT NULL, at REAL NOT NULL,
  settled INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS group_chat (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, corp_id TEXT NOT NULL, chat_id TEXT NOT NULL,
  owner TEXT NOT NULL, name TEXT NOT NULL, created_at REAL NOT NULL, UNIQUE (corp_id, chat_id));
CREATE INDEX IF NOT EXISTS group_chat_by_owner ON group_chat (corp_id, owner, seq);
CREATE TABLE IF NOT EXISTS group_move (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, corp_id TEXT NOT NULL, chat_id TEXT NOT NULL,
  giver TEXT NOT NULL, taker TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS welcome (
  code TEXT PRIMARY KEY, corp_id TEXT NOT NULL, expires_at REAL NOT NULL,
  used INTEGER NOT NULL DEFAULT 0);

CREATE TABLE IF NOT EXISTS clue (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, clue_id TEXT NOT NULL UNIQUE,
  advertiser_id INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL,
  convert_state TEXT NOT NULL DEFAULT '');

CREATE TABLE IF NOT EXISTS connection (
  connection_id TEXT PRIMARY KEY, platform TEXT NOT NULL, settings TEXT NOT NULL, lead_url TEXT);
CREATE TABLE IF NOT EXISTS delivery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, connection_id TEXT NOT NULL, platform TEXT NOT NULL,
  message_id TEXT NOT NULL, message TEXT NOT NULL, attempts TEXT NOT NULL DEFAULT '[]',
  outcome TEXT NOT NULL DEFAULT 'sending');
CREATE INDEX IF NOT EXISTS delivery_by_message ON delivery (connection_id, message_id);
CREATE TABLE IF NOT EXISTS fault (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
  fired INTEGER NOT NULL DEFAULT 0);

CREATE TABLE IF NOT EXISTS sink (name TEXT PRIMARY KEY, secrets TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sink_entry (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, webhook_id TEXT NOT NULL,
  received_at REAL NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL,
  aggregateversion INTEGER, verdict TEXT NOT NULL, in_order INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sink_entry_by_id ON sink_entry (name, webhook_id);
CREATE INDEX IF NOT EXISTS sink_entry_by_subject ON sink_entry (name, subject, verdict);

CREATE TABLE IF NOT EXISTS wave (
  wave INTEGER PRIMARY KEY AUTOINCREMENT, seed INTEGER NOT NULL, status TEXT NOT NULL,
  consumers INTEGER NOT NULL, views INTEGER NOT NULL, likes INTEGER NOT NULL,
  comments INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wave_lead (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, wave INTEGER NOT NULL, connection_id TEXT NOT NULL,
  message_id TEXT NOT NULL, lead TEXT NOT NULL, copies INTEGER NOT NULL, late INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS wave_lead_by_wave ON wave_lead (wave, seq);
"""

TABLES = tuple(
    line.split()[5] for line in SCHEMA.splitlines() if line.startswith("CREATE TABLE IF NOT EXISTS")
)


def open_store(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(folder / "sandbox.db", check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(SCHEMA)
    return db


def forget_everything(db: sqlite3.Connection) -> None:
    with db:
        for table in (*TABLES, "sqlite_sequence"):
            db.execute(f"DELETE FROM {table}")
