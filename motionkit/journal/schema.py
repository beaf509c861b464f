"""The tables of the journal, step by step: every older file is migrated to the newest schema."""

from __future__ import annotations

from motionkit.errors import JournalError

MIGRATIONS = (
    """
CREATE TABLE purchases (
  key TEXT PRIMARY KEY,
  request TEXT NOT NULL,      -- fingerprint: two identical requests share it
  via TEXT NOT NULL,          -- target or route as the user named it
  description TEXT NOT NULL,  -- JSON, for people
  state TEXT NOT NULL,        -- KeyState or State
  ambiguous INTEGER NOT NULL DEFAULT 0,  -- something may have arrived; only evidence clears it
  quote TEXT, cost TEXT, error TEXT,     -- JSON
  word TEXT,                  -- the vendor's last word
  out TEXT,                   -- where the user wants the file
  delivered TEXT, sha256 TEXT,
  created REAL NOT NULL, updated REAL NOT NULL
);
CREATE INDEX purchases_request ON purchases (request);
CREATE TABLE attempts (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL REFERENCES purchases (key),
  account TEXT NOT NULL, fingerprint TEXT NOT NULL,
  submission TEXT NOT NULL,   -- JSON, the exact paid call
  state TEXT NOT NULL,        -- KeyState, or 'accepted'
  sends INTEGER NOT NULL DEFAULT 0, first_sent REAL,
  vendor_id TEXT, job TEXT,   -- JSON
  error TEXT,
  created REAL NOT NULL
);
CREATE UNIQUE INDEX attempts_owner ON attempts (fingerprint, vendor_id) WHERE vendor_id IS NOT NULL;
CREATE INDEX attempts_key ON attempts (key);
CREATE TABLE uploads (        -- a cache
  fingerprint TEXT NOT NULL, slot TEXT NOT NULL, sha256 TEXT NOT NULL,
  token TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (fingerprint, slot, sha256)
);
""",
    """
-- the process that made it
ALTER TABLE attempts ADD COLUMN owner TEXT;
""",
    """
-- whose budget it counts against
ALTER TABLE purchases ADD COLUMN route TEXT;
-- US dollars held until the cost is known
ALTER TABLE purchases ADD COLUMN reserved TEXT;
-- JSON: why which target was taken
ALTER TABLE purchases ADD COLUMN decision TEXT;
ALTER TABLE purchases ADD COLUMN finished REAL;
CREATE INDEX purchases_route ON purchases (route, created);
CREATE TABLE cooldowns (      -- a cache
  account TEXT NOT NULL, cause TEXT NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (account, cause)
);
""",
    """
CREATE TABLE notices (        -- a cache
  fingerprint TEXT NOT NULL, vendor_id TEXT NOT NULL,
  state TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY (fingerprint, vendor_id)
);
""",
    """
-- when the budget last reserved its price: a refused key may be submitted again on another day
ALTER TABLE purchases ADD COLUMN reserved_at REAL;
UPDATE purchases SET reserved_at=created;
CREATE INDEX purchases_reserved ON purchases (route, reserved_at);
DROP INDEX purchases_route;
""",
    """
-- the first send on a clock that cannot be set, and the boot that it counts from
ALTER TABLE attempts ADD COLUMN uptime REAL;
ALTER TABLE attempts ADD COLUMN boot TEXT;
-- whether something in the submission was masked on its way in
ALTER TABLE attempts ADD COLUMN masked INTEGER;
""",
    """
DROP TABLE cooldowns;
CREATE TABLE cooldowns (      -- a cache
  account TEXT NOT NULL, fingerprint TEXT NOT NULL, cause TEXT NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (account, fingerprint, cause)
);
""",
    """
-- 0 when the job was not observed around its end: `finished` gives no duration
ALTER TABLE purchases ADD COLUMN timed INTEGER;
""",
    """
-- whether the last attempt went to a sandbox on this machine; NULL where an older version wrote it
ALTER TABLE purchases ADD COLUMN sandbox INTEGER;
""",
    """
-- the batch and its row that the purchase was made for
ALTER TABLE purchases ADD COLUMN batch TEXT;
ALTER TABLE purchases ADD COLUMN item INTEGER;
CREATE INDEX purchases_finished ON purchases (finished)
  WHERE state='succeeded' AND finished IS NOT NULL;
CREATE INDEX purchases_open ON purchases (created)
  WHERE state IN ('intended','uncertain','queued','running','unknown');
CREATE INDEX purchases_created ON purchases (created, key);
-- until when it takes one of the account's slots, epoch seconds; NULL: it takes none
ALTER TABLE attempts ADD COLUMN slot_until REAL;
UPDATE attempts SET slot_until=COALESCE(first_sent, created)+3600 WHERE vendor_id IS NOT NULL
  AND key IN (SELECT key FROM purchases WHERE state IN ('queued','running','unknown'));
-- workers.id of the process that made it; `owner` is for people
ALTER TABLE attempts ADD COLUMN worker TEXT;
CREATE INDEX attempts_slot ON attempts (fingerprint, slot_until) WHERE slot_until IS NOT NULL;
-- the id first: some ask for that alone
DROP INDEX attempts_owner;
CREATE UNIQUE INDEX attempts_owner ON attempts (vendor_id, fingerprint) WHERE vendor_id IS NOT NULL;
CREATE TABLE workers (        -- processes that use the journal; disposable
  id TEXT PRIMARY KEY,        -- a fresh UUID for each process
  host TEXT NOT NULL, pid INTEGER NOT NULL,
  machine TEXT NOT NULL,      -- equal where processes see each other's ids
  version TEXT NOT NULL,
  started REAL NOT NULL, seen REAL NOT NULL
);
CREATE TABLE batches (
  id TEXT PRIMARY KEY, made REAL NOT NULL, via TEXT, out TEXT,
  options TEXT NOT NULL,      -- JSON
  accounts TEXT NOT NULL,     -- JSON: the fingerprint of each account
  total INTEGER NOT NULL, planned INTEGER NOT NULL,
  state TEXT NOT NULL         -- planning, open, cancelled or done
);
CREATE TABLE items (
  batch TEXT NOT NULL REFERENCES batches (id), n INTEGER NOT NULL,
  key TEXT NOT NULL, request TEXT NOT NULL, fingerprint TEXT, via TEXT, out TEXT,
  tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, error TEXT, updated REAL NOT NULL,
  PRIMARY KEY (batch, n)
);
CREATE UNIQUE INDEX items_key ON items (key);
CREATE INDEX items_state ON items (batch, state)
""",
    """
-- what counts against budgets, each day and each month: `motionkit.journal.budget`
CREATE TABLE spent (
  kind TEXT NOT NULL,         -- route, accounts (direct purchases there) or batch
  name TEXT NOT NULL,         -- of the route or batch; the accounts as JSON
  sandbox INTEGER NOT NULL,
  span TEXT NOT NULL,         -- day or month
  first INTEGER NOT NULL,     -- its first day, in days since 1970-01-01 UTC
  spent TEXT NOT NULL, held TEXT NOT NULL,  -- US dollars
  PRIMARY KEY (kind, name, sandbox, span, first)
);
CREATE INDEX spent_span ON spent (kind, sandbox, span, first);
-- JSON: what it adds to `spent`; '' for nothing, NULL while it is not counted
ALTER TABLE purchases ADD COLUMN counted TEXT;
CREATE INDEX purchases_uncounted ON purchases (created, key) WHERE counted IS NULL;
DROP INDEX purchases_reserved;
-- One index of the unfinished for all who ask, and none that begins with `created`: a purchase
-- moves in it with each change of its state, which costs ten times as much at the index's edge.
-- A state that this version does not know is unfinished.
DROP INDEX purchases_open;
CREATE INDEX purchases_unfinished ON purchases (request, created, key)
  WHERE state NOT IN ('refused','failed','blocked','gone')
  AND (state<>'succeeded' OR delivered IS NULL);
CREATE INDEX purchases_delivered ON purchases (request, updated)
  WHERE state='succeeded' AND delivered IS NOT NULL;
DROP INDEX purchases_request
""",
    """
-- the first send on the sender's wall clock, where `first_sent` is on the database's
ALTER TABLE attempts ADD COLUMN wall REAL
""",
    """
-- JSON, an object of texts: the user's own marks; NULL without any
ALTER TABLE purchases ADD COLUMN labels TEXT;
-- which of several takes it is, from 1; NULL where one was asked for
ALTER TABLE purchases ADD COLUMN take INTEGER;
ALTER TABLE items ADD COLUMN labels TEXT
""",
    """
-- when its owner gave up a file that was never downloaded
ALTER TABLE purchases ADD COLUMN forgotten REAL;
DROP INDEX purchases_unfinished;
CREATE INDEX purchases_unfinished ON purchases (request, created, key)
  WHERE state NOT IN ('refused','failed','blocked','gone')
  AND (state<>'succeeded' OR (delivered IS NULL AND forgotten IS NULL));
CREATE TABLE pruned (         -- what is left of old purchases: their keys, and what they came to
  key TEXT PRIMARY KEY, state TEXT NOT NULL,
  created REAL NOT NULL, reserved_at REAL NOT NULL, pruned REAL NOT NULL,
  account TEXT, model TEXT, route TEXT, labels TEXT, sandbox INTEGER,
  paid TEXT NOT NULL,         -- JSON: `motionkit.model.spending.Paid`
  adds TEXT NOT NULL          -- what it adds to `spent`, as `counted` said
)
""",
    """
-- JSON: the request's media, with paths and digests; NULL where an older version wrote it
ALTER TABLE purchases ADD COLUMN media TEXT
""",
    """
CREATE TABLE ratings (        -- what a person thought of a result
  key TEXT PRIMARY KEY REFERENCES purchases (key),
  stars INTEGER NOT NULL,     -- 1 to 5
  note TEXT NOT NULL,
  rated REAL NOT NULL,        -- epoch seconds on the clock of who rated; the newer one is kept
  -- of the purchase, so that the mean of a target reads no purchase
  account TEXT NOT NULL, operation TEXT NOT NULL, model TEXT NOT NULL, sandbox INTEGER NOT NULL
)
""",
)
"""What leads from each schema version to the next; `PRAGMA user_version` says where a file is."""
SCHEMA_VERSION = len(MIGRATIONS)


def newer_schema(place: str, version: int, *, running: bool = False) -> JournalError:
    """Return the error of a journal that a newer motionkit has written.

    Args:
        place: Where the journal is, for people.
        version: Its schema's version.
        running: Whether this process had it open before.
    """
    return JournalError(
        f"the journal {place} has schema {version}; this motionkit knows {SCHEMA_VERSION}",
        hint="a newer motionkit has opened it meanwhile: end this process, and upgrade motionkit"
        if running
        else "upgrade motionkit, or name another journal in the configuration",
    )
