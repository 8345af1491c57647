"""A recorder that a test may kill: `python recording_process.py <url> <folder> <last_s>`.

It prints how many seconds of media have come, with every heartbeat.
"""

import sys
from pathlib import Path

from recording_parts import Address, order

from supervisor_core.recording.listening import Beat, Silent
from supervisor_core.recording.recorder import Recorder


class Said(Silent):
    def beat(self, beat: Beat) -> None:
        print(beat.media_s, flush=True)


def main() -> None:
    url, folder, last_s = sys.argv[1:]
    wanted = order(Address(url), Path(folder), groups=5, name="a", last_s=float(last_s) or None)
    Recorder(wanted, Said()).run()


if __name__ == "__main__":
    main()
