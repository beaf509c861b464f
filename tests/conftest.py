"""Shared by all tests."""

pytest_plugins = ["motionkit.testing.plugin"]
