-- A session is an intake: its files are entered into `arrival` when it is handed over.
CREATE TABLE recording (
    intake     VARCHAR NOT NULL,
    stream     VARCHAR NOT NULL,     -- the operator's name for it
    state      VARCHAR NOT NULL,     -- states.Recording
    reason     VARCHAR,
    asked      VARCHAR,              -- cut | stop: what a person wants of the recorder
    started    TIMESTAMPTZ NOT NULL,
    ended      TIMESTAMPTZ,          -- when nothing more is recorded
    beat       TIMESTAMPTZ,          -- the recorder's last sign of life
    moved      TIMESTAMPTZ,          -- when media came last
    limit_s    DOUBLE NOT NULL,      -- how long media may stay away before a source is opened anew
    media_s    DOUBLE NOT NULL,      -- by the stream's clock, all runs together
    size_bytes BIGINT NOT NULL,
    sources    INTEGER NOT NULL,     -- how often the stream was opened
    opened     TIMESTAMPTZ,          -- when it was opened last
    runs       INTEGER NOT NULL,     -- how often a recorder took it up
    picture    VARCHAR NOT NULL,     -- ok | frozen | looping
    owner      VARCHAR,
    epoch      BIGINT NOT NULL,
    updated    TIMESTAMPTZ NOT NULL
);

CREATE TABLE segment (
    intake     VARCHAR NOT NULL,
    number     INTEGER NOT NULL,
    path       VARCHAR NOT NULL,     -- relative to the home
    frames     BIGINT NOT NULL,
    first_s    DOUBLE,               -- by the stream's clock
    last_s     DOUBLE,
    size_bytes BIGINT NOT NULL,
    ending     VARCHAR NOT NULL,     -- age | size | asked | died | ...
    picture    VARCHAR NOT NULL,
    reason     VARCHAR,              -- why it does not decode to its end
    signature  VARCHAR NOT NULL,
    closed     TIMESTAMPTZ NOT NULL
);

CREATE TABLE gap (
    intake    VARCHAR NOT NULL,
    started   TIMESTAMPTZ NOT NULL,
    ended     TIMESTAMPTZ NOT NULL,
    reason    VARCHAR NOT NULL,
    missing_s DOUBLE                 -- by the stream's clock; 0: all of it came later; NULL: unknown
);

-- What a session is handed over as: several segments joined, or one as it is.
CREATE TABLE recorded_file (
    intake     VARCHAR NOT NULL,
    ordinal    INTEGER NOT NULL,     -- that of its arrival
    path       VARCHAR NOT NULL,     -- relative to the home, until it is imported
    numbers    VARCHAR NOT NULL,     -- JSON: the segments in it
    frames     BIGINT NOT NULL,
    seconds    DOUBLE NOT NULL,
    size_bytes BIGINT NOT NULL,
    started    TIMESTAMPTZ NOT NULL,
    joined     VARCHAR,              -- JSON: how they were joined; NULL: one segment as it is
    proven     BOOLEAN NOT NULL,     -- shows every frame of its segments
    exported   VARCHAR,              -- SHA-256 of the cleaned file that was put into the library
    episode    VARCHAR               -- where that lies, relative to the library's root
);
