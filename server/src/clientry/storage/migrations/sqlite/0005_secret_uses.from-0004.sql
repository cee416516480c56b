ALTER TABLE client_secrets ADD COLUMN grace INTEGER; -- seconds that it lives on once a newer one is used; empty: that has begun
ALTER TABLE client_secrets ADD COLUMN silence INTEGER; -- seconds without a use after which it ends by itself
ALTER TABLE client_secrets ADD COLUMN last_used_at INTEGER;
ALTER TABLE client_secrets ADD COLUMN last_used_address TEXT;
ALTER TABLE client_secrets ADD COLUMN last_used_agent TEXT;
CREATE INDEX client_secrets_silence ON client_secrets (client_id) WHERE silence IS NOT NULL;

-- How often a secret was used in an hour, counted from 1970.
CREATE TABLE secret_uses (
    client_id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    hour      INTEGER NOT NULL,
    uses      INTEGER NOT NULL,
    PRIMARY KEY (client_id, secret_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_uses_hour ON secret_uses (hour);
