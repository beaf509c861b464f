"""Kling's own API as a motionkit provider: the new one by API key, the legacy one by JWT.

Vendor documentation: https://kling.ai/document-api/llms.txt
"""
