-- Deleted clients that can be restored, by the tree that they belong to: a path and all that begin with it lie next to each other.
CREATE INDEX clients_deleted_tree ON clients (account_path, date_created, client_id)
    WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
