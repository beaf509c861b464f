"""Batches: many requests, bought by any number of workers. Imports `client` and below."""
