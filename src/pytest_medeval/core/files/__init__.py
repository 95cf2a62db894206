"""Which files does a user give, and which are left? One door in, one way out."""
