"""The JSON that Ollama speaks, as its `server/routes.go` and `api/types.go` write it.

What a model would say depends on all that was sent: an answer that went to the wrong request, or
was made without its pictures, is another one.
"""

import base64
import binascii
import hashlib
import io
import json
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from PIL import Image

VERSION = "0.12.6"
CREATED = "2026-01-02T03:04:05.678901234Z"
DIMENSIONS = 16
CONTEXT_CHARS = 8192  # of an embedding model; a real one counts tokens


@dataclass(frozen=True)
class Picture:
    """One picture as it arrived."""

    sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    model: str = ""
    prompt: str = ""
    texts: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    format: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    think: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> str:
        """Twelve hexadecimal digits that stand for everything a model could have looked at."""
        parts = [self.model, self.prompt, *(picture.sha256 for picture in self.pictures)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


class Refused(Exception):
    """What the server answers instead of a result."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text


def received(path: str, body: dict[str, Any], headers: dict[str, str]) -> Received:
    """Takes a request apart; raises `Refused` as the real server does for what it can't read."""
    messages = body.get("messages") or [body]
    return Received(
        path=path,
        model=body.get("model", ""),
        prompt="\n".join(str(m.get("content", m.get("prompt", ""))) for m in messages),
        texts=tuple(_texts(body.get("input"))),
        pictures=tuple(picture(text) for m in messages for text in m.get("images") or []),
        format=body.get("format"),
        options=body.get("options") or {},
        think=body.get("think"),
        headers=headers,
    )


def picture(text: str) -> Picture:
    """One picture out of base64."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "illegal base64 data at input byte 0") from None
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as image:
            image.load()
            width, height = image.size
    except (OSError, SyntaxError, ValueError):
        raise Refused(500, "failed to process inputs: image: unknown format") from None
    return Picture(hashlib.sha256(content).hexdigest(), len(content), width, height)


def instance(schema: dict[str, Any], seed: str, root: dict[str, Any] | None = None) -> Any:
    """A small value that fits a JSON schema, its texts made of the seed."""
    root = root or schema
    if "$ref" in schema:
        found = root
        for step in schema["$ref"].lstrip("#/").split("/"):
            found = found[step]
        return instance(found, seed, root)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return instance(schema[word][0], seed, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][int(seed, 16) % len(schema["enum"])]
    kind = schema.get("type", "object")
    return _MAKERS[kind[0] if isinstance(kind, list) else kind](schema, seed, root)


def _text(schema: dict[str, Any], seed: str, root: dict[str, Any]) -> str:
    text = seed.ljust(schema.get("minLength", 0), "x")
    return text[: schema.get("maxLength", len(text))]


def _number(schema: dict[str, Any], seed: str, root: dict[str, Any]) -> float:
    low, high = schema.get("minimum", 0), schema.get("maximum", 1)
    return low + (high - low) * (int(seed, 16) % 101) / 101


def _list(schema: dict[str, Any], seed: str, root: dict[str, Any]) -> list[Any]:
    count = min(max(1, schema.get("minItems", 1)), schema.get("maxItems", 1))
    return [instance(schema.get("items", {"type": "string"}), seed, root)] * count


def _object(schema: dict[str, Any], seed: str, root: dict[str, Any]) -> dict[str, Any]:
    return {name: instance(part, seed, root) for name, part in schema["properties"].items()}


_MAKERS = {
    "string": _text,
    "number": _number,
    "integer": lambda schema, seed, root: int(_number({"maximum": 100} | schema, seed, root)),
    "boolean": lambda schema, seed, root: int(seed, 16) % 2 == 0,
    "null": lambda schema, seed, root: None,
    "array": _list,
    "object": _object,
}


def said(request: Received) -> str:
    """What the model says: an instance of the schema, any object for "json", else a line."""
    if isinstance(request.format, dict):
        return json.dumps(instance(request.format, request.seed))
    if request.format == "json":
        return json.dumps({"seen": request.seed, "pictures": len(request.pictures)})
    return f"I saw {len(request.pictures)} pictures ({request.seed})."


def embedding(text: str) -> list[float]:
    """A unit vector that only this text has."""
    raw = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]
    length = sum(value * value for value in raw) ** 0.5
    return [value / length for value in raw]


def embedded(body: dict[str, Any], vectors: Callable[[list[str]], Any] | None = None) -> dict:
    """What /api/embed answers; raises `Refused` for an input that it does not take.

    `vectors` makes other ones than `embedding` does.
    """
    texts = _texts(body.get("input"))
    if body.get("truncate") is False and any(len(text) > CONTEXT_CHARS for text in texts):
        raise Refused(400, "the input length exceeds the context length")
    cut = [text[:CONTEXT_CHARS] for text in texts]
    made = vectors(cut) if vectors is not None else [embedding(text) for text in cut]
    size = body.get("dimensions") or 0
    answer = {"model": body["model"], "embeddings": [_directed(one, size) for one in made]}
    if not texts:
        return answer
    spent = {"total_duration": 14_143_917, "load_duration": 1_019_500}
    return answer | spent | {"prompt_eval_count": sum(max(1, len(text) // 4) for text in cut)}


def _texts(given: Any) -> list[str]:
    if given is None or given == "":
        return []
    texts = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise Refused(400, "invalid input type")
    return texts


def _directed(vector: list[float], size: int) -> list[float]:
    """The vector as the server gives it: cut where that was asked for, and of length 1."""
    kept = vector[:size] if 0 < size < len(vector) else vector
    if not all(math.isfinite(value) for value in kept):
        raise Refused(400, "embedding contains NaN or Inf values")
    length = max(sum(value * value for value in kept) ** 0.5, 1e-12)
    return [value / length for value in kept]


def listed(name: str, remote_host: str = "") -> dict[str, Any]:
    """One model of /api/tags."""
    remote = {"remote_model": name, "remote_host": remote_host} if remote_host else {}
    return {
        "name": name,
        "model": name,
        **remote,
        "modified_at": CREATED,
        "size": 5969245856,
        "digest": digest(name),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "qwen25vl",
            "families": ["qwen25vl"],
            "parameter_size": "8.3B",
            "quantization_level": "Q4_K_M",
        },
    }


def shown(name: str, remote_host: str = "") -> dict[str, Any]:
    """What /api/show says of a model."""
    model = listed(name, remote_host)
    kept = {key: model[key] for key in model if key.startswith(("remote", "modified", "details"))}
    return {
        "modelfile": f'# Modelfile generated by "ollama show"\nFROM {name}\n',
        "parameters": "temperature                    0.0001",
        "template": "{{ .Prompt }}",
        "model_info": {"general.architecture": "qwen25vl"},
        "capabilities": ["completion", "vision"],
        **kept,
    }


def running(name: str) -> dict[str, Any]:
    """One model of /api/ps."""
    model = {key: value for key, value in listed(name).items() if key != "modified_at"}
    return model | {"expires_at": CREATED, "size_vram": 0, "context_length": 4096}


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def part(request: Received, text: str) -> dict[str, Any]:
    """One line of a stream."""
    content: dict[str, Any] = {"response": text}
    if request.path == "/api/chat":
        content = {"message": {"role": "assistant", "content": text}}
    return {"model": request.model, "created_at": CREATED, **content, "done": False}


def last(request: Received, text: str, reason: str = "stop", load_s: float = 0.02) -> dict:
    """The line that ends a stream, with its measurements in nanoseconds."""
    return part(request, "") | {
        "done": True,
        "done_reason": reason,
        "total_duration": int((load_s + 0.1) * 1e9),
        "load_duration": int(load_s * 1e9),
        "prompt_eval_count": 10 + 100 * len(request.pictures),
        "prompt_eval_duration": 50_000_000,
        "eval_count": max(1, len(text) // 4),
        "eval_duration": 50_000_000,
    }


def lines(request: Received, text: str, **end: Any) -> Iterator[bytes]:
    """A whole stream: some letters a line, then the end."""
    step = max(1, len(text) // 5)
    for start in range(0, len(text), step):
        yield line(part(request, text[start : start + step]))
    yield line(last(request, text, **end))


def line(content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"
