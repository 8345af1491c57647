"""A ComfyUI graph: nodes with inputs, each a value or a link to another node's output.

Both forms are read: the one that was executed (`prompt`) and the one that the editor saved
(`workflow`), where values stand in a list whose order depends on the node's class.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from supervisor_core.enrichment.prompt import json_of

NODES_MAX = 5_000
_INPUTS_MAX = 500

# Names of the values in the editor's lists, as the classes of ComfyUI itself declare them.
_KSAMPLER = "seed control steps cfg sampler_name scheduler denoise"
_WIDGETS = {
    "KSampler": _KSAMPLER,
    "KSamplerAdvanced": "add_noise noise_seed control steps cfg sampler_name scheduler",
    "SamplerCustom": "add_noise noise_seed control cfg",
    "KSamplerSelect": "sampler_name",
    "RandomNoise": "noise_seed",
    "BasicScheduler": "scheduler steps denoise",
    "SDTurboScheduler": "steps",
    "CheckpointLoaderSimple": "ckpt_name",
    "CheckpointLoader": "config_name ckpt_name",
    "UNETLoader": "unet_name",
    "CLIPTextEncode": "text",
    "CLIPTextEncodeFlux": "clip_l t5xxl guidance",
    "CLIPTextEncodeSDXL": "width height crop_w crop_h target_width target_height text_g text_l",
    "EmptyLatentImage": "width height batch_size",
    "EmptySD3LatentImage": "width height batch_size",
    "PrimitiveNode": "value",
}


@dataclass
class Node:
    """A node's class, its values by name, and the nodes it takes inputs from by input name."""

    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


Graph = dict[str, Node]


def executed_graph(text: str | None) -> Graph:
    """The graph under `prompt`: `{"6": {"class_type": ..., "inputs": {"clip": ["4", 1]}}}`."""
    graph: Graph = {}
    for name, entry in list(json_of(text).items())[:NODES_MAX]:
        if isinstance(entry, dict) and isinstance(entry.get("inputs"), dict):
            node = graph[name] = Node(str(entry.get("class_type", "")))
            for key, value in list(entry["inputs"].items())[:_INPUTS_MAX]:
                if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
                    node.links[key] = str(value[0])
                else:
                    node.values[key] = value
    return graph


def saved_graph(text: str | None) -> Graph:
    """The graph under `workflow`, as far as its nodes are known; muted ones are left out."""
    saved = json_of(text)
    origins = dict(_origins(saved.get("links")))
    graph: Graph = {}
    for entry in _listed(saved.get("nodes")):
        if not isinstance(entry, dict) or entry.get("mode") in (2, 4):
            continue
        kind = str(entry.get("type", ""))
        values = entry.get("widgets_values")
        named = values if isinstance(values, dict) else {}
        if isinstance(values, list):
            named = dict(zip(_WIDGETS.get(kind, "").split(), values, strict=False))
        node = graph[str(entry.get("id"))] = Node(kind, named)
        for one in _listed(entry.get("inputs"))[:_INPUTS_MAX]:
            if isinstance(one, dict) and (origin := origins.get(str(one.get("link")))):
                node.links[str(one.get("name"))] = origin
    return graph


def upstream(
    graph: Graph, start: str, first: Collection[str] | None = None
) -> Iterator[tuple[str, Node]]:
    """A node and all it depends on, nearest first, each once: a circle ends by itself.

    With `first`, only these inputs of the node itself are followed, and it is left out.
    """
    waiting, seen = deque([start]), {start}
    while waiting:
        name = waiting.popleft()
        node = graph.get(name)
        if node is None:
            continue
        at_start = name == start
        if not (at_start and first is not None):
            yield name, node
        for key, source in node.links.items():
            if source not in seen and not (at_start and first is not None and key not in first):
                seen.add(source)
                waiting.append(source)


def _origins(links: Any) -> Iterator[tuple[str, str]]:
    """Of `[link, from node, from slot, to node, to slot, type]` the first two."""
    for link in _listed(links):
        if isinstance(link, list) and len(link) >= 2:
            yield str(link[0]), str(link[1])


def _listed(value: Any) -> list[Any]:
    return value[:NODES_MAX] if isinstance(value, list) else []
