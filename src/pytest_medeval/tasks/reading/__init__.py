"""Reading the one option that a reply names: its text put in one form, its fields, its options, its claims."""
