-- Portable on purpose: no sequences, no indexes, no reliance on constraints. Uniqueness comes from
-- MERGE under the exclusive lock. All moments are UTC.

CREATE TABLE intake (
    intake      VARCHAR NOT NULL,   -- YYYYMMDD_<10 base32>, the partition key
    source      VARCHAR NOT NULL,
    profile     VARCHAR NOT NULL,
    device      VARCHAR,
    kind        VARCHAR NOT NULL,   -- video | stills
    first_seen  TIMESTAMPTZ NOT NULL
);

CREATE TABLE arrival (
    intake      VARCHAR NOT NULL,
    ordinal     INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,   -- its relative path is in the restricted store only
    state       VARCHAR NOT NULL,   -- states.Arrival
    reason      VARCHAR,
    media       VARCHAR,            -- SHA-256; on a seen arrival: what is about to be moved to raw/
    size_bytes  BIGINT NOT NULL,
    mtime_ns    BIGINT NOT NULL,
    first_seen  TIMESTAMPTZ NOT NULL,
    updated     TIMESTAMPTZ NOT NULL
);

CREATE TABLE media (
    media        VARCHAR NOT NULL,  -- SHA-256 of the raw bytes
    kind         VARCHAR NOT NULL,
    container    VARCHAR NOT NULL,
    codec        VARCHAR NOT NULL,
    width        INTEGER NOT NULL,  -- upright
    height       INTEGER NOT NULL,
    frames       BIGINT,
    seconds      DOUBLE,
    size_bytes   BIGINT NOT NULL,
    info         VARCHAR NOT NULL,  -- JSON of everything that is known of the file
    raw_path     VARCHAR NOT NULL,  -- relative to the home
    cleaning     VARCHAR NOT NULL,  -- states.Cleaning
    next_level   VARCHAR,           -- which level a waiting media tries next; raw_aside: none is left
    verification VARCHAR NOT NULL,  -- states.Verification
    review       VARCHAR NOT NULL,  -- states.Review
    reason       VARCHAR,           -- why the last level above did not succeed
    rounds       INTEGER NOT NULL,  -- how often the whole ladder ended aside
    tried        VARCHAR,           -- policy and code version of the last such round
    not_before   TIMESTAMPTZ,
    lease_owner  VARCHAR,
    lease_epoch  BIGINT NOT NULL,
    lease_until  TIMESTAMPTZ,
    first_seen   TIMESTAMPTZ NOT NULL,
    updated      TIMESTAMPTZ NOT NULL
);

CREATE TABLE output (
    media            VARCHAR NOT NULL,
    policy           VARCHAR NOT NULL,
    code_version     VARCHAR NOT NULL,
    level            VARCHAR NOT NULL,
    sha256           VARCHAR NOT NULL,
    path             VARCHAR,           -- relative to the home; gone when the output was thrown away
    kind             VARCHAR NOT NULL,  -- mp4 | png | jpeg
    size_bytes       BIGINT NOT NULL,
    width            INTEGER NOT NULL,
    height           INTEGER NOT NULL,
    frames           BIGINT NOT NULL,
    frames_inspected BIGINT NOT NULL,
    regions          BIGINT NOT NULL,
    coverage         DOUBLE NOT NULL,   -- masked share of all pixels of all frames, 0-1
    seconds          DOUBLE NOT NULL,   -- time the cleaning took
    report           VARCHAR NOT NULL,  -- JSON of the cleaning report, without anything that was read
    attempt          VARCHAR NOT NULL,
    verified_frames  BIGINT,
    residual_regions BIGINT,
    frames_match     BOOLEAN,
    stray_metadata   BOOLEAN,
    verify_seconds   DOUBLE,
    verify_reason    VARCHAR,
    verified_at      TIMESTAMPTZ,
    created          TIMESTAMPTZ NOT NULL,
    current          BOOLEAN NOT NULL
);

CREATE TABLE attempt (
    id      VARCHAR NOT NULL,
    media   VARCHAR,            -- empty while a file is being imported
    intake  VARCHAR,
    ordinal INTEGER,
    step    VARCHAR NOT NULL,   -- import | mask | verify | thumbnail
    level   VARCHAR,
    owner   VARCHAR NOT NULL,
    epoch   BIGINT NOT NULL,
    started TIMESTAMPTZ NOT NULL,
    ended   TIMESTAMPTZ,
    outcome VARCHAR,            -- done | failed | interrupted
    reason  VARCHAR,
    seconds DOUBLE
);

CREATE TABLE request (
    id      VARCHAR NOT NULL,
    verb    VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    detail  VARCHAR NOT NULL,   -- JSON, no names from outside
    who     VARCHAR NOT NULL,
    state   VARCHAR NOT NULL,   -- queued | running | done | failed
    reason  VARCHAR,
    created TIMESTAMPTZ NOT NULL,
    updated TIMESTAMPTZ NOT NULL
);

CREATE TABLE audit (
    id       VARCHAR NOT NULL,
    happened TIMESTAMPTZ NOT NULL,
    who      VARCHAR NOT NULL,
    verb     VARCHAR NOT NULL,
    subject  VARCHAR NOT NULL,
    detail   VARCHAR NOT NULL   -- JSON, no names from outside
);
