"""PixVerse's platform API as a motionkit provider.

Vendor documentation: https://docs.platform.pixverse.ai
"""
