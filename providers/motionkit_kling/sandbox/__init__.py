"""Kling's API for the local sandbox, written from the vendor's pages, without its adapter."""

from motionkit_kling.sandbox.app import KlingSandbox
from motionkit_kling.sandbox.callbacks import signature
from motionkit_kling.sandbox.tokens import access_key, secret_key, token

__all__ = ["KlingSandbox", "access_key", "secret_key", "signature", "token"]
