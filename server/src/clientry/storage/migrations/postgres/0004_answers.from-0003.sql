-- Answers of requests that came with an idempotency key, sealed so that only who has that key can open them.
CREATE TABLE answers (
    digest     BYTEA NOT NULL PRIMARY KEY,
    sealed     BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX answers_expires_at ON answers (expires_at);
