"""What a provider's author needs to prove that an adapter keeps the contract.

Subclass `motionkit.testing.contract.ProviderContract`, supply a stage, and name
``motionkit.testing.plugin`` in ``pytest_plugins``. See docs/adding-a-provider.md.
"""
