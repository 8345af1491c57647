"""Finds the stream behind an address: a playlist's variant, one long transfer, a plugin's word."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamlink import cache
from streamlink.exceptions import NoPluginError, NoStreamsError, PluginError
from streamlink.session.plugins import StreamlinkPlugins
from streamlink.session.session import Streamlink
from streamlink.stream.hls.hls import HLSStream
from streamlink.stream.http import HTTPStream

from supervisor_core.recording.titles import watch

_GENERIC = frozenset({"hls", "http", "dash"})  # they take any address of their form


def find(session: Streamlink, kind: str, url: str, order: Mapping[str, Any]) -> Any:
    """The stream that is to be played, of the quality that is wanted; none when it is not live.

    `kind` is that of an address, see `address_of`. What a plugin calls the stream is written down.
    """
    if kind == "web":
        plugin = _plugin(session, url, order)
        if plugin is not None:
            streams = _streams(plugin)
            _watch_title(plugin, order.get("titles"))
            return _of_quality(streams, order["quality"])
    if kind != "hls":
        return HTTPStream(session, url)
    variants = HLSStream.parse_variant_playlist(session, url)
    if not variants:
        return HLSStream(session, url)
    ranked = sorted(variants, key=lambda name: _weight(variants[name]))
    named = {**variants, "worst": variants[ranked[0]], "best": variants[ranked[-1]]}
    return _of_quality(named, order["quality"])


def _plugin(session: Streamlink, url: str, order: Mapping[str, Any]) -> Any:
    """The plugin that knows this address, if there is any."""
    _keep_nothing()
    session.plugins = StreamlinkPlugins()
    if order["plugins"]:
        session.plugins.load_path(order["plugins"])
    try:
        name, plugin, resolved = session.resolve_url_no_redirect(url)
    except NoPluginError:
        return None
    if order["proxy"]:
        _close_websockets()
    return None if name in _GENERIC else plugin(session, resolved)


def _streams(plugin: Any) -> Mapping[str, Any]:
    try:
        return dict(plugin.streams())
    except NoStreamsError:
        return {}


def _watch_title(plugin: Any, path: str | None) -> None:
    """Has the title written down whenever it is another one, where this plugin tells any."""
    if not path or not (first := plugin.get_title()):
        return
    firsts = iter([first])

    def look() -> str | None:
        for title in firsts:
            return str(title)
        again = type(plugin)(plugin.session, plugin.url)
        again.streams()
        title = again.get_title()
        return str(title) if title else None

    watch(look, Path(path))


def _of_quality(streams: Mapping[str, Any], quality: str) -> Any:
    """The one of this name, else the best: better another picture than none."""
    return streams.get(quality) or streams.get("best")


def _weight(stream: Any) -> tuple[float, float]:
    """Worst first by pixels, then by bits; a variant that says neither is the worst."""
    told = [
        variant.stream_info
        for variant in (stream.multivariant.playlists if stream.multivariant else ())
        if variant.uri == stream.url
    ]
    size = told[0].resolution if told else None
    return (size.width * size.height if size else 0, (told[0].bandwidth or 0) if told else 0)


def _keep_nothing() -> None:
    """Plugins would keep tokens in a file of the user's."""
    for name in ("_load", "_save"):
        setattr(cache.Cache, name, lambda _: None)


def _close_websockets() -> None:
    """They would ask the proxy for any host, and nobody looks at it."""
    from streamlink.plugin.api import websocket

    def refuse(*_: Any, **__: Any) -> None:
        raise PluginError("no websocket through a proxy")

    websocket.WebsocketClient.__init__ = refuse  # type: ignore[method-assign]
