"""A plugin as an operator may have one: it knows the channels of a server on loopback."""

import re
import subprocess
import sys

from streamlink.plugin import Plugin, pluginmatcher
from streamlink.stream.hls.hls import HLSStream


@pluginmatcher(re.compile(r"http://127\.0\.0\.1:\d+/channel/(?P<name>\w+)"))
class House(Plugin):
    """`off` is not live, `elsewhere` and `command` do what no plugin may, others are playlists."""

    def _get_streams(self):  # type: ignore[no-untyped-def]
        self.cache.set("token", "kept")
        name = self.match["name"]
        if name == "off":
            return None
        self.title = f"Erika spielt {name}"
        if name == "elsewhere":
            self.session.http.get("http://127.0.0.1:9/")
        if name == "command":
            subprocess.run([sys.executable, "--version"], check=True)
        base = self.url.partition("/channel/")[0]
        return HLSStream.parse_variant_playlist(self.session, f"{base}/{name}.m3u8")


__plugin__ = House
