"""What does a reply say? Its text put in one form, its outcome, the option, label or finding that it names."""
