"""Which words do all share? Types, errors, options, files, signatures: everything else stands on them."""
