ALTER TABLE clients ADD COLUMN expires_at BIGINT; -- the second from which it gets nothing; empty: it has no end
ALTER TABLE clients ADD COLUMN labels TEXT COLLATE "C" NOT NULL DEFAULT ''; -- ",key:value,key:value,", in order; empty: none
ALTER TABLE clients ADD COLUMN purged_at BIGINT; -- deleted for good: only the row stays, so that no id is used twice

CREATE INDEX clients_expiry ON clients (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX clients_deleted ON clients (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
