"""The smallest real media, for recordings: their bytes are part of the match.

Made with motionkit's own code: an 8x8 picture, 16x16 H.264 clips of two frames in two seconds and
of four in four, and a tenth of a second of silence.
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

LONG_CLIP = zlib.decompress(
    base64.b64decode(
        "eNp9Vc2LHEUUr9ndhJAoWeIm5LBiLa6CsDPb3TM7xiGNOy7BEQwIYpAYbKqrqqfb6e6qraqZncklOSwoiichhxWJ"
        "V0HxInhR8OAf4YIHk4MYBM0xOWw6r3pm3cnGpKiq9+p9/F6996pnEEI4MiOZaJEhNIMsheWRAXUz2XARQscixTno"
        "7meMGKA3jx4pii9/v3Dn5z93Oz/eWPkN7774z79Dr9nAVUyF4thtrgHbqYFo9eI7F96sNnD70gboGKeg2BBylPLI"
        "YM9x6lXP8ax1bIxsra5ubW3VBgnjIiV5TajuqsWtxSZLwUZIk4hctzAlIaG+ixWP/DpmPEwF7fluy2k5mOQkHWnu"
        "O8N6yxm6bh1n3I/5EOt+CNyrWOoRuMIeKOa7NQecYMNZMuQssIgueASK5F3uu01MYyUyEoCri43iaZpo4M4NzzFq"
        "gKGbme/AFQi7KnLue+6K6+KIaBNI3UuktRgDbMpARJHmxq962MQKPCxQKkSPxHAIDmQ6TSg/EDg4V2UMmmTE2Hsk"
        "ueEqJWAE8jDtKzIKqMgkMXCmUCKjSJIDBBgqYm0iRTKuoVhhIEfAJ8z3gCeMSJtFGIQJsZFYoniZ1xZPurEJgROS"
        "50FXSNCOhRJce3wE2L635kzYIEtye3XKc077xm84uAxuK6q4jsFb0eC/bK1eUZ+qCGchlNVmBQd/DRqCN20uvlNr"
        "AistbknJ0G++Bow2XPoNnEjoEbwHaCFgkU1ov20mug5P9ln+yTY6XZw68UGx/ek1EJxs7yyl7eDBxw9eKIqfXr8L"
        "olPtnTfOL33xyvbpYiz+fg+k8+0d+tatky+/O3O82NM3r/2C0Ox6JsQAdGk2iBl6ZMz+Bdhfowqy82BUHrU6fF5H"
        "Tx0zMD+C0vWAv2J6ZczZx9EgLnp6nP+NOz9ZCC1zZjTQRZ5qc+Bhca9PfCu3M5YQYHDGDue+Xtq892t5qMYsVfsa"
        "+wFPW16yH3SH5Czl1qbyOfQ0AmZhkJWg09dcZmPdIoOHM5XGM32V4jFfuahNmAL/nTaaTdl8ZX+1nlAKm/Q86gDt"
        "PNHi8DhbFLDXAXWjwtDx4hY60wX67e6H27Yjc3Y7dr5z4/0KOhr//Qdf+Wzv3j3ruABPelLRI7f3wbQpq70fem7S"
        "jwVIYlpu11n6mK191mgRbOkh27kJXQbd1anLg3zmB6DPwTpj44xjUTHl78AK+8zYDl/OeEntWJruJrwARaRMpytT"
        "TcZP5qVvjLCAz8NfA9mv6dtkEDW9mgvT8R4CnuNy9g=="
    )
)
"""MP4, H.264, 4.0 s, 1633 bytes, for vendors that take no clip of two seconds."""

SOUND = bytes.fromhex(
    "5249464644030000 57415645 666d7420 10000000 01000100"
    "401f0000 401f0000 0100 0800 64617461 20030000"
) + bytes([128] * 800)
"""WAV, 8 kHz, 0.1 s, 844 bytes."""
