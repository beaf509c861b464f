"""fal's queue API as a motionkit provider.

Vendor documentation: https://fal.ai/docs
"""
