"""Replicate's predictions API as a motionkit provider.

Vendor documentation: https://replicate.com/docs/topics/predictions
"""
