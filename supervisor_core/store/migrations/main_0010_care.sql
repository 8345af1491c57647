-- What looking the store over against the files has found: each look, and each flaw of it.
CREATE TABLE consistency_look (
    id       VARCHAR NOT NULL,
    started  TIMESTAMPTZ NOT NULL,
    seconds  DOUBLE NOT NULL,
    rows     BIGINT NOT NULL,     -- files that the store tells of
    files    BIGINT NOT NULL,     -- files that lie there
    hashed   BIGINT NOT NULL,     -- of them, read anew from their first byte to the last
    findings BIGINT NOT NULL
);

CREATE TABLE consistency_log (
    look    VARCHAR NOT NULL,
    flaw    VARCHAR NOT NULL,     -- care.consistency.Flaw
    subject VARCHAR NOT NULL,     -- SHA-256 of a media, or a path of ours relative to the home
    detail  VARCHAR
);
