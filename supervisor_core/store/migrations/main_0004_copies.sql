-- Verified files that were copied to a bucket of the operator's. Keys are made of hashes.

CREATE TABLE bucket_copy (
    media      VARCHAR NOT NULL,
    output     VARCHAR NOT NULL,   -- SHA-256 of the file that lies there
    bucket     VARCHAR NOT NULL,
    key        VARCHAR NOT NULL,
    size_bytes BIGINT NOT NULL,
    checksum   VARCHAR NOT NULL,   -- the storage's SHA-256, base64; of an object in parts, over them
    etag       VARCHAR NOT NULL,
    version    VARCHAR,
    created    TIMESTAMPTZ NOT NULL,   -- when it was last seen to lie there
    gone       TIMESTAMPTZ             -- when it was deleted after a newer one had come
);
