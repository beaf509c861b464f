"""The record of purchases on disk, written ahead of every paid call."""
