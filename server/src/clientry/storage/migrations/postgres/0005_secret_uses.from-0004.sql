ALTER TABLE client_secrets ADD COLUMN grace BIGINT; -- seconds that it lives on once a newer one is used; empty: that has begun
ALTER TABLE client_secrets ADD COLUMN silence BIGINT; -- seconds without a use after which it ends by itself
ALTER TABLE client_secrets ADD COLUMN last_used_at BIGINT;
ALTER TABLE client_secrets ADD COLUMN last_used_address TEXT COLLATE "C";
ALTER TABLE client_secrets ADD COLUMN last_used_agent TEXT COLLATE "C";
CREATE INDEX client_secrets_silence ON client_secrets (client_id) WHERE silence IS NOT NULL;

-- How often a secret was used in an hour, counted from 1970.
CREATE TABLE secret_uses (
    client_id TEXT COLLATE "C" NOT NULL,
    secret_id TEXT COLLATE "C" NOT NULL,
    hour      BIGINT NOT NULL,
    uses      BIGINT NOT NULL,
    PRIMARY KEY (client_id, secret_id, hour)
);
CREATE INDEX secret_uses_hour ON secret_uses (hour);
