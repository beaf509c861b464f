"""A bare client for the sandbox tests: requests and nothing of motionkit's own HTTP."""

from __future__ import annotations

import io
import uuid
import wave
from typing import Any, Self

import requests
from patience import PATIENCE

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_pixverse.sandbox import PixVerseSandbox

CLIP = sample_clip(1.5, height=120)
PICTURE = sample_picture()


class Client:
    """Speak PixVerse's contract by hand, one connection pool, no retries."""

    def __init__(self, sandbox: Sandbox, key: str = "sandbox-pixverse-key") -> None:
        self.base = f"{sandbox.url}/openapi/v2"
        self.http = requests.Session()
        self.http.trust_env = False
        self.key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def headers(self, trace: str | None = None) -> dict[str, str]:
        return {"API-KEY": self.key, "Ai-trace-id": trace or str(uuid.uuid4())}

    def get(self, path: str, **options: Any) -> requests.Response:
        options = {"headers": self.headers(), "timeout": PATIENCE, **options}
        return self.http.get(self.base + path, **options)

    def post(self, path: str, trace: str | None = None, **options: Any) -> requests.Response:
        options = {"headers": self.headers(trace), "timeout": PATIENCE, **options}
        return self.http.post(self.base + path, **options)

    def upload(self, name: str, content: bytes, filename: str = "x") -> requests.Response:
        path = "/image/upload" if name == "image" else "/media/upload"
        return self.post(path, files={name: (filename, content)})

    def order(self, quality: str = "540p") -> dict[str, Any]:
        """Upload both files and return the body of a submit."""
        picture = self.upload("image", PICTURE).json()["Resp"]["img_id"]
        clip = self.upload("file", CLIP).json()["Resp"]["media_id"]
        return {"img_id": picture, "video_media_id": clip, "quality": quality}

    def submit(self, order: dict[str, Any], trace: str | None = None) -> requests.Response:
        return self.post("/video/mimic/generate", trace, json=order)

    def start(self, order: dict[str, Any] | None = None, trace: str | None = None) -> int:
        number = self.submit(order or self.order(), trace).json()["Resp"]["video_id"]
        assert isinstance(number, int)
        return number

    def result(self, number: int) -> dict[str, Any]:
        told = self.get(f"/video/result/{number}").json()
        assert told["ErrCode"] == 0, told
        resp = told["Resp"]
        assert isinstance(resp, dict)
        return resp


def sound(seconds: float) -> bytes:
    """Return a WAV file of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(2 * round(8000 * seconds)))
    return made.getvalue()


class Stage(Client):
    """A rich account without a limit of slots, and things that a body can refer to.

    In a body `"$img"`, `"$img2"`, `"$clip"`, `"$other"` (another clip of 1.5 s), `"$sound"` (of
    2.5 s), `"$song"` (of 12.5 s), `"$video"` (a finished one of 5 s), `"$mask"` (of `$clip`, frame
    1) and `"$running"` (a video that never gets finished) stand for their ids.
    """

    def __init__(self, **switches: Any) -> None:
        self.sandbox = Sandbox(apps=[lambda world: PixVerseSandbox(world, **switches)])
        self.sandbox.start()
        self.sandbox.add_account("pixverse", "rich", label="rich", balance=1_000_000)
        super().__init__(self.sandbox, "rich")
        clips = [self.upload("file", CLIP).json()["Resp"]["media_id"] for _ in range(2)]
        self.ids: dict[str, Any] = {
            "$img": self.upload("image", PICTURE).json()["Resp"]["img_id"],
            "$img2": self.upload("image", PICTURE).json()["Resp"]["img_id"],
            "$clip": clips[0],
            "$other": clips[1],
            "$sound": self.upload("file", sound(2.5), "a.wav").json()["Resp"]["media_id"],
            "$song": self.upload("file", sound(12.5), "b.wav").json()["Resp"]["media_id"],
        }
        body = {"prompt": "a fox", "model": "v6", "aspect_ratio": "16:9", "quality": "360p"}
        self.ids["$video"] = self.ask("/video/text/generate", {**body, "duration": 5})["video_id"]
        self.sandbox.advance(200)
        masks = self.ask("/video/mask/selection", {"video_media_id": "$clip", "keyframe_id": 1})
        self.ids["$mask"] = masks["mask_info"][0]["mask_id"]
        self.sandbox.fault("stuck:submit")
        self.ids["$running"] = self.ask("/video/text/generate", {**body, "duration": 5})["video_id"]

    def __exit__(self, *told: object) -> None:
        super().__exit__(*told)
        self.sandbox.close()

    def fill(self, told: Any) -> Any:
        """Put the ids into a body; a field that is None is left out."""
        if isinstance(told, dict):
            return {key: self.fill(value) for key, value in told.items() if value is not None}
        if isinstance(told, list):
            return [self.fill(item) for item in told]
        return self.ids.get(told, told) if isinstance(told, str) else told

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post a body and return the Resp of success."""
        told = self.post(path, json=self.fill(body)).json()
        assert told["ErrCode"] == 0, told
        resp = told["Resp"]
        assert isinstance(resp, dict)
        return resp

    def refused(self, path: str, body: dict[str, Any]) -> int:
        """Post a body that shall be refused, see that it was free, and return the code."""
        before = self.account()["charged"]
        answer = self.post(path, json=self.fill(body))
        told = answer.json()
        assert told["ErrCode"] != 0, told
        assert (told["Resp"], self.account()["charged"]) == (None, before)
        assert answer.status_code == (400 if told["ErrCode"] < 500000 else 500)
        code = told["ErrCode"]
        assert isinstance(code, int)
        return code

    def account(self) -> dict[str, Any]:
        """Return the account's page of the ledger."""
        found = self.sandbox.ledger()["vendors"]["pixverse"]["accounts"]["rich"]
        assert isinstance(found, dict)
        return found
