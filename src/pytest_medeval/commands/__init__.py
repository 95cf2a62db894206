"""What ``python -m pytest_medeval`` offers: a module a command, with ``main(arguments) -> exit code``."""
