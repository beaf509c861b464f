"""The contract between the core and a vendor adapter, and what adapters are built from."""
