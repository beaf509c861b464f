"""Segmind's serverless API (v2, asynchronous) as a motionkit provider.

Vendor documentation: https://docs.segmind.com
"""
