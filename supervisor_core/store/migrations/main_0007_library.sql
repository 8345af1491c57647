-- Libraries: what scans have seen, and what files themselves say of their pictures. Paths are in the
-- restricted store only; prompts, EXIF and tags are kept of media that need no cleaning, of no others.
CREATE TABLE library_root (
    source     VARCHAR NOT NULL,    -- the root's name, and that of its intakes' source
    marker     VARCHAR NOT NULL,    -- the id in its marker file; '' where none could be written
    device     VARCHAR NOT NULL,    -- st_dev and st_ino of its folder: the mark of such a root
    inode      VARCHAR NOT NULL,
    place      VARCHAR NOT NULL,    -- SHA-256 of its path
    first_seen TIMESTAMPTZ NOT NULL
);

CREATE TABLE library_file (
    source        VARCHAR NOT NULL,
    path_key      VARCHAR NOT NULL, -- SHA-256 of source and path
    fingerprint   VARCHAR NOT NULL, -- that of its newest arrival
    size_bytes    BIGINT NOT NULL,
    mtime_ns      BIGINT NOT NULL,
    media         VARCHAR,          -- as soon as that is imported
    state         VARCHAR NOT NULL, -- present | missing
    missing_since TIMESTAMPTZ,
    first_seen    TIMESTAMPTZ NOT NULL,
    last_seen     TIMESTAMPTZ NOT NULL  -- of a missing one: the last scan that saw it
);

CREATE TABLE scan_results (
    id             VARCHAR NOT NULL,
    source         VARCHAR NOT NULL,
    started        TIMESTAMPTZ NOT NULL,
    ended          TIMESTAMPTZ NOT NULL,
    listed         BIGINT NOT NULL,
    new            BIGINT NOT NULL,
    changed        BIGINT NOT NULL,
    moved          BIGINT NOT NULL, -- by size and time; the import proves it by the hash
    missing        BIGINT NOT NULL,
    back           BIGINT NOT NULL,
    unchanged      BIGINT NOT NULL,
    refused_reason VARCHAR          -- why the scan changed nothing
);

CREATE TABLE import_log (
    scan        VARCHAR,            -- NULL for what an import has found out
    source      VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,
    event       VARCHAR NOT NULL,   -- new | changed | moved | missing | back | imported | ...
    intake      VARCHAR,
    ordinal     INTEGER,
    media       VARCHAR,
    reason      VARCHAR,
    happened    TIMESTAMPTZ NOT NULL
);

CREATE TABLE prompt (
    media    VARCHAR NOT NULL,
    tool     VARCHAR,               -- the program that generated it, where that is known
    positive VARCHAR NOT NULL,
    negative VARCHAR NOT NULL,
    seed     VARCHAR,               -- decimal: up to 2^64-1
    steps    VARCHAR,               -- decimal: whatever a file claims
    sampler  VARCHAR,
    cfg      DOUBLE,
    width    BIGINT,                -- as generated, which may differ from the file's
    height   BIGINT,
    model    VARCHAR,
    origin   VARCHAR NOT NULL,      -- file | model | human; only the same or a later one replaces it
    raw      VARCHAR NOT NULL,      -- JSON string of the capped text that it was read from
    digest   VARCHAR NOT NULL,      -- of all of the above
    updated  TIMESTAMPTZ NOT NULL
);

CREATE TABLE prompt_history (
    media    VARCHAR NOT NULL,
    tool     VARCHAR,
    positive VARCHAR NOT NULL,
    negative VARCHAR NOT NULL,
    seed     VARCHAR,
    steps    VARCHAR,               -- decimal: whatever a file claims
    sampler  VARCHAR,
    cfg      DOUBLE,
    width    BIGINT,
    height   BIGINT,
    model    VARCHAR,
    origin   VARCHAR NOT NULL,
    raw      VARCHAR NOT NULL,
    digest   VARCHAR NOT NULL,
    updated  TIMESTAMPTZ NOT NULL,
    happened TIMESTAMPTZ NOT NULL,  -- when it was replaced, and by whom
    who      VARCHAR NOT NULL
);

CREATE TABLE tag (
    media      VARCHAR NOT NULL,
    namespace  VARCHAR NOT NULL,
    name       VARCHAR NOT NULL,
    source     VARCHAR NOT NULL,    -- file | model:<mode> | human
    confidence DOUBLE,
    locked     BOOLEAN NOT NULL,    -- stays whatever its source says next
    updated    TIMESTAMPTZ NOT NULL
);

CREATE TABLE collection_member (
    media      VARCHAR NOT NULL,
    collection VARCHAR NOT NULL,
    source     VARCHAR NOT NULL,
    added      TIMESTAMPTZ NOT NULL
);

CREATE TABLE rating (
    media   VARCHAR NOT NULL,
    stars   INTEGER NOT NULL,       -- 0 to 5
    source  VARCHAR NOT NULL,
    locked  BOOLEAN NOT NULL,
    updated TIMESTAMPTZ NOT NULL
);

CREATE TABLE exif (
    media       VARCHAR NOT NULL,
    taken       VARCHAR,            -- as the camera wrote it: it knows no time zone
    camera      VARCHAR,
    orientation INTEGER NOT NULL,   -- 1 to 8; whatever is shown or read has it applied
    gps         BOOLEAN NOT NULL    -- whether the file says where; the place itself is never kept
);
