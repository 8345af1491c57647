"""Prompts of ComfyUI, which keeps no prompt but the graph that made the picture.

From the node that saved the picture back to the sampler that began it (a second one only refines),
and from its positive and negative inputs to the nodes that hold text.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from supervisor_core.enrichment.comfyui_graph import (
    Graph,
    Node,
    executed_graph,
    saved_graph,
    upstream,
)
from supervisor_core.enrichment.prompt import (
    Prompt,
    Tool,
    real_of,
    size_of,
    text_of,
    whole_of,
    word_of,
)

_LATENT = ("latent_image", "latent", "samples", "optional_latent")
_SEED = ("seed", "noise_seed", "value")
_STEPS = ("steps",)
_SAMPLER = ("sampler_name",)
_CFG = ("cfg",)
_MODEL = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name")
_TEXTS_MAX = 20
_TEXT_WORDS = ("text", "prompt", "string", "clip_l", "clip_g", "t5xxl", "value")
# What hangs on a text node but says nothing of its text.
_NOT_TEXT = (
    *("clip", "model", "vae", "image", "latent", "mask", "control_net", "noise", "sigmas"),
    *("seed", "steps", "cfg", "sampler", "scheduler"),
)


def parse(texts: Mapping[str, str]) -> Prompt | None:
    """The prompt of the graph under `prompt`, else of the one under `workflow`."""
    for name, read in (("prompt", executed_graph), ("workflow", saved_graph)):
        graph = read(texts.get(name))
        sampler = _first_sampler(graph)
        if sampler is not None:
            return _prompt(graph, sampler, texts[name])
    return None


def _first_sampler(graph: Graph) -> str | None:
    """The sampler farthest from the node that puts the picture out."""
    outputs = [name for name, node in graph.items() if node.kind in ("SaveImage", "PreviewImage")]
    outputs.sort(key=lambda name: (graph[name].kind != "SaveImage", len(name), name))
    for output in outputs:
        found = [name for name, node in upstream(graph, output) if _is_sampler(node)]
        if found:
            return found[-1]
    return next((name for name, node in graph.items() if _is_sampler(node)), None)


def _is_sampler(node: Node) -> bool:
    conditioned = "positive" in node.links or "guider" in node.links
    return conditioned and not node.links.keys().isdisjoint(_LATENT)


def _prompt(graph: Graph, name: str, raw: str) -> Prompt:
    sampler = graph[name]
    around = tuple(key for key in sampler.links if key not in (*_LATENT, "positive", "negative"))
    width, height = _size(graph, name)
    guider = sampler.links.get("guider", "")
    return Prompt(
        Tool.COMFYUI,
        positive=_text(graph, name, "positive") or _text(graph, guider, "positive"),
        negative=_text(graph, name, "negative") or _text(graph, guider, "negative"),
        model=word_of(_value(graph, name, _MODEL, ("model", "guider"))),
        seed=whole_of(_value(graph, name, _SEED, ("seed", "noise_seed", "noise"))),
        steps=whole_of(_value(graph, name, _STEPS, around)),
        sampler=word_of(_value(graph, name, _SAMPLER, around)),
        cfg=real_of(_value(graph, name, _CFG, around)),
        size=size_of(width, height),
        raw=text_of(raw),
    )


def _value(graph: Graph, name: str, keys: tuple[str, ...], through: tuple[str, ...]) -> Any:
    """The nearest value under one of the names, of the node itself or behind the given inputs."""
    nodes = [graph[name], *(node for _, node in upstream(graph, name, through))]
    for node in nodes:
        for key in keys:
            if isinstance(node.values.get(key), str | int | float):
                return node.values[key]
    return None


def _size(graph: Graph, name: str) -> tuple[Any, Any]:
    for _, node in upstream(graph, name, _LATENT):
        width, height = node.values.get("width"), node.values.get("height")
        if size_of(width, height):
            return width, height
    return None, None


def _text(graph: Graph, name: str, role: str) -> str:
    """The texts behind a node's positive or negative input, a line each."""
    node = graph.get(name)
    if node is None:
        return ""
    start = node.links.get(role) or (node.links.get("conditioning") if role == "positive" else None)
    return text_of("\n".join(_texts(graph, start, role))) if start else ""


def _texts(graph: Graph, start: str, role: str) -> Iterator[str]:
    waiting, seen, found = [start], {start}, 0
    while waiting and found < _TEXTS_MAX:
        node = graph.get(waiting.pop())
        if node is None or node.kind == "ConditioningZeroOut":
            continue
        for text in _own_texts(node, role):
            found += 1
            yield text
        for source in reversed(_text_sources(node, role)):
            if source not in seen:
                seen.add(source)
                waiting.append(source)


def _own_texts(node: Node, role: str) -> list[str]:
    """Texts that a node holds; those named for the other role are not meant."""
    other = "negative" if role == "positive" else "positive"
    held = {
        key: text_of(value)
        for key, value in node.values.items()
        if other not in key and (role in key or any(word in key for word in _TEXT_WORDS))
    }
    # Classes for two text encoders hold the same text twice.
    return list(dict.fromkeys(text for text in held.values() if text))


def _text_sources(node: Node, role: str) -> list[str]:
    other = "negative" if role == "positive" else "positive"
    return [
        source
        for key, source in node.links.items()
        if other not in key and not any(key.startswith(word) for word in _NOT_TEXT)
    ]
