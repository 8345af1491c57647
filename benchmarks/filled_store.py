"""A store as a large library leaves it, written by SQL: rows of the sizes that real ones have."""

from datetime import datetime

from supervisor_core.store.database import Connection

_INFO = """'{"container": "png", "codec": "png", "width": 1024, "height": 1024, "pixels": "rgb24",
 "digest": "' || sha || '", "tags": 12, "streams": 1, "colour": "bt709", "seconds": null}'"""
_REPORT = """'{"frames": 1, "regions": 3, "looks": 5, "coverage": 0.01, "mark": "' || sha || '"}'"""
_TABLES = (
    """CREATE TEMP TABLE numbered AS SELECT number, sha256(number::VARCHAR) AS sha,
        sha256('out' || number) AS made, '20260101_' || lpad((number // 256)::VARCHAR, 10, 'A')
        AS intake, $1::TIMESTAMPTZ - to_seconds(number) AS moment
        FROM range($2) AS given(number)""",
    """INSERT INTO intake SELECT DISTINCT intake, 'inbox', 'upload', NULL, 'stills', min(moment)
        FROM numbered GROUP BY intake""",
    """INSERT INTO arrival SELECT intake, number % 256, sha, 'imported', NULL, sha, 1400000,
        1700000000000000000 + number, moment, moment FROM numbered""",
    f"""INSERT INTO media SELECT sha, 'still', 'png', 'png', 1024, 1024, 1, NULL, 1400000, {_INFO},
        'raw/' || sha[:2] || '/' || sha || '.png', 'frame_level', NULL, 'verified', 'none', NULL, 0,
        NULL, NULL, NULL, 1, NULL, moment, moment FROM numbered""",
    f"""INSERT INTO output SELECT sha, 'all_text/drop/-', '1', 'frame_level', made,
        'cleaned/' || made[:2] || '/' || made || '.png', 'png', 1300000, 1024, 1024, 1, 1, 3, 0.01,
        0.5, {_REPORT}, md5(sha), 1, 0, true, false, 0.2, NULL, moment, moment, true
        FROM numbered""",
    """INSERT INTO attempt SELECT md5(sha || step), sha, intake, number % 256, step,
        CASE step WHEN 'mask' THEN 'frame_level' END, md5(intake) || '@boot/77.1', 1,
        moment, moment,
        CASE WHEN number % 50 = 0 THEN 'failed' ELSE 'done' END,
        CASE WHEN number % 50 = 0 THEN 'TIMEOUT' END, 0.1 + number % 70 FROM numbered,
        unnest(['import', 'mask', 'verify', 'thumbnail', 'integrity', 'fingerprint']) AS t(step)""",
    """INSERT INTO work SELECT sha, task, 'done', NULL, 1, NULL, made, NULL, 1, NULL, moment, moment
        FROM numbered, unnest(['analysis/standard', 'enrichment/caption']) AS t(task)""",
    """INSERT INTO question SELECT md5('q' || sha), md5(sha), sha, 'analysis/standard', moment, 2.5,
        NULL, 900, 120, 0, 'llava' FROM numbered""",
    "DROP TABLE numbered",
)


def fill(connection: Connection, media: int, newest: datetime) -> None:
    """Enters so many media of batches of 256, each with all its rows, a second apart."""
    begin, *others = _TABLES
    connection.execute(begin, [newest, media])
    for sql in others:
        connection.execute(sql)
