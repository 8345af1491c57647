-- Whether files decode to their end, what they look like, which look alike, and larger children.

CREATE TABLE integrity (
    media    VARCHAR NOT NULL,
    output   VARCHAR NOT NULL,     -- SHA-256 that the file should have: raw, or the cleaned one
    ok       BOOLEAN NOT NULL,
    code     VARCHAR,              -- reason
    frames   BIGINT,               -- that were decoded
    seconds  DOUBLE NOT NULL,      -- that it took
    version  VARCHAR NOT NULL,     -- of the check
    checked  TIMESTAMPTZ NOT NULL
);

CREATE TABLE fingerprint (
    media     VARCHAR NOT NULL,
    output    VARCHAR NOT NULL,    -- SHA-256 of the file that it was made of
    kind      VARCHAR NOT NULL,    -- still | video
    version   VARCHAR NOT NULL,
    number    BIGINT NOT NULL,     -- in the order of entering: each is compared with lower ones
    hashes    BLOB NOT NULL,       -- PDQ, 32 bytes each; a still has one
    mirrors   BLOB,                -- of a still: the hash of its mirror image
    qualities BLOB NOT NULL,       -- a byte each, 0-100
    times_s   BLOB,                -- of a video: little-endian float32 each
    created   TIMESTAMPTZ NOT NULL,
    compared  TIMESTAMPTZ          -- with all lower ones, when
);

-- Still: each pair once, the later one is `media`. Clip: `media` lies in `other` from offset_s on.
CREATE TABLE near_pair (
    media        VARCHAR NOT NULL,
    output       VARCHAR NOT NULL,
    other        VARCHAR NOT NULL,
    other_output VARCHAR NOT NULL,
    kind         VARCHAR NOT NULL, -- still | clip
    distance     DOUBLE NOT NULL,  -- bits of 256; of a clip the mean over its samples
    mirrored     BOOLEAN NOT NULL,
    offset_s     DOUBLE,
    matched      DOUBLE,           -- part of the clip's samples that look alike, 0-1
    certain      BOOLEAN NOT NULL, -- false: it fits elsewhere in the film as well
    found        TIMESTAMPTZ NOT NULL
);

CREATE TABLE variant (
    parent     VARCHAR NOT NULL,   -- media
    output     VARCHAR NOT NULL,   -- SHA-256 of the parent's file that it was made of
    child      VARCHAR NOT NULL,   -- SHA-256 of the file that was made
    path       VARCHAR,            -- relative to the home; gone when it was thrown away
    kind       VARCHAR NOT NULL,   -- upscale
    method     VARCHAR NOT NULL,   -- lanczos | forge | realesrgan
    scale      DOUBLE NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    size_bytes BIGINT NOT NULL,
    preferred  BOOLEAN NOT NULL,   -- shown in the parent's place
    attempt    VARCHAR NOT NULL,
    created    TIMESTAMPTZ NOT NULL
);
