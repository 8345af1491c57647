"""Serves the small application on a socket that was handed over: `HOME DESCRIPTOR`."""

import socket
import sys
from pathlib import Path

from gallery_parts import door, small_app

from gallery.access import bodies
from supervisor_core.serving import PatientProtocol, serve

bodies.LIMIT_S = 0.4
PatientProtocol.head_s = 5.0

if __name__ == "__main__":
    house = door(Path(sys.argv[1]))
    (Path(sys.argv[1]) / "viewer.key").write_text(
        house.keys.add("viewer", house.keys.all()[0].role)
    )
    serve(small_app(house), socket.socket(fileno=int(sys.argv[2])))
