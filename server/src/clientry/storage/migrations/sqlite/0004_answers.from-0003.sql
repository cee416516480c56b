-- Answers of requests that came with an idempotency key, sealed so that only who has that key can open them.
CREATE TABLE answers (
    digest     BLOB NOT NULL PRIMARY KEY,
    sealed     BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_expires_at ON answers (expires_at);
