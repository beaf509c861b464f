"""The faces of motionkit for Python: `Client` and `AsyncClient`."""
