"""What every engine offers: a file for each kind of record, and the database that holds them."""
