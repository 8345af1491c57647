-- Files that lie in an object storage: which object each arrival is, and how far a bucket was read.
-- Keys may name a person as file names do.

CREATE TABLE arrival_object (
    fingerprint VARCHAR NOT NULL,
    bucket      VARCHAR NOT NULL,
    key         VARCHAR NOT NULL,    -- escaped as relative_path is
    etag        VARCHAR NOT NULL
);

CREATE TABLE bucket_position (
    source   VARCHAR NOT NULL,       -- bucket and prefix
    newest   VARCHAR NOT NULL,       -- the last key of the last look through all of them
    reached  VARCHAR,                -- where a look through all of them stands; none is under way
    passed_s DOUBLE NOT NULL         -- when the last one ended, seconds of the wall clock
);
