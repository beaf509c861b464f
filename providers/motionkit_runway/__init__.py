"""Runway's developer API as a motionkit provider.

Vendor documentation: https://docs.dev.runwayml.com
"""
