"""Pytester runs whole sessions for the tests of the plugin."""

pytest_plugins = "pytester"
