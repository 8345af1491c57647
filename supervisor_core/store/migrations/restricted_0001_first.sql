-- Everything that may name a person. This file is encrypted; backups hold it, never its key.

CREATE TABLE arrival_name (
    fingerprint   VARCHAR NOT NULL,
    relative_path VARCHAR NOT NULL   -- as os.fsdecode gives it, JSON-escaped
);

CREATE TABLE identifier (
    media   VARCHAR NOT NULL,
    kind    VARCHAR NOT NULL,
    text    VARCHAR NOT NULL,
    first_s DOUBLE NOT NULL,
    last_s  DOUBLE NOT NULL,
    x       INTEGER NOT NULL,        -- pixels of the upright picture
    y       INTEGER NOT NULL,
    width   INTEGER NOT NULL,
    height  INTEGER NOT NULL
);

CREATE TABLE dicom_tag (
    media VARCHAR NOT NULL,
    tag   VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);
