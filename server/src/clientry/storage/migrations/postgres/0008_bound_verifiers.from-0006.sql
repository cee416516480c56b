-- Verifiers bound to their client have the tags 2 and 3 in client_secrets.verifier (clientry.records.secret).
ALTER TABLE signing_keys ADD COLUMN low_s INTEGER NOT NULL DEFAULT 0; -- 1: it signs with low s only, and no other signature is accepted
