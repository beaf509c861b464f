"""The smallest real media, for recordings: their bytes are part of the match.

Made with motionkit's own code: an 8x8 picture, a 16x16 H.264 clip of two frames, two seconds, and a
tenth of a second of silence.
"""

from __future__ import annotations

import base64
import zlib

PICTURE = zlib.decompress(
    base64.b64decode(
        "eNrrDPBz5+WS4mJgYOD19HAJAtIcIMzBBCS9czXvAClRTxfHkIpbyVc6og408BoYPmBoDmZieHaH0ejZ7lhpoAIG"
        "T1c/l3VOCU0AeQkTvQ=="
    )
)
"""PNG, 78 bytes."""

CLIP = zlib.decompress(
    base64.b64decode(
        "eNp9Ur1OAkEQnj0KiCGRgkQKTE6lUyMYKU0kWFDQaqUxB7vIhVvucrdcohWx4gGsbHwBExMfwMLwAL6B0YrOxoKG"
        "nLPHEZZTmNzs/Oz83My3AKC3xI1jejYH0EBK5EPDb5a4c1QCgFTLZQzlDqeGQEnY4E77mOS+tcsraVYeNge7wWsf"
        "0yfctn30WdxvU1igxAgg+Q4E5DcnshgVt09gJWn41YVrdFC/EJ2wZ+JvNewLq/v82zcTMUCBUeGhzDPLE/OMqG6Y"
        "S4acmgYqOqfx2WW1PpwNQ2O/TS13duOblKmR52jbNaNLLSZjCILRbaGS9XlYVP3NAp3e5anLWsoY6Z5r6VOdHHii"
        "YaH+7AmPKjGPEt8lq5BDZ6CGsrY0Ik65IMCzjFWrhMJa8Akb1yif6ts/uoQkPCpfp29FAsn2qEruX/Ym47FMzTaE"
        "G+10LS3fjizniXDfs+ZahEgWx1D9kvPoa8Z8mnJ3u/heYF2uaFqraSt5ReTjHhUSwzJnoZS0peKFGLuG41jq7CkT"
        "H8UvBvhtUg=="
    )
)
"""MP4, H.264, 2.0 s, 840 bytes."""

CLIP_SECONDS = 2

SOUND = bytes.fromhex(
    "5249464644030000 57415645 666d7420 10000000 01000100"
    "401f0000 401f0000 0100 0800 64617461 20030000"
) + bytes([128] * 800)
"""WAV, 8 kHz, 0.1 s, 844 bytes."""
