"""The contract suite for provider adapters.

Subclass `motionkit.testing.contract.ProviderContract`, supply a stage, and name
``motionkit.testing.plugin`` in ``pytest_plugins``. See docs/adding-a-provider.md.
"""
