-- What persons looked at and decided, and where lies what they let out. A decision stands for the
-- bytes that it was made about: of another file it says nothing.
CREATE TABLE look (
    media     VARCHAR NOT NULL,
    output    VARCHAR NOT NULL,      -- SHA-256 of the file that was shown
    who       VARCHAR NOT NULL,
    reviewing BOOLEAN NOT NULL,      -- whether that person might have let it out
    times     BIGINT NOT NULL,
    first     TIMESTAMPTZ NOT NULL,
    last      TIMESTAMPTZ NOT NULL
);

CREATE TABLE decision (
    id       BIGINT NOT NULL,        -- rises with each one: clocks may be set back
    media    VARCHAR NOT NULL,
    output   VARCHAR,                -- SHA-256 of the file it is about; none could be read yet
    verdict  VARCHAR NOT NULL,       -- seen | held | released | rejected | reopened | withdrawn | lost
    who      VARCHAR NOT NULL,
    happened TIMESTAMPTZ NOT NULL
);

-- The row is there before the file can be: what was let out no more is found whatever broke off.
CREATE TABLE export (
    media      VARCHAR NOT NULL,
    output     VARCHAR NOT NULL,     -- SHA-256 of the file that lies there
    place      VARCHAR NOT NULL,     -- home | folder:<path of the operator's> | s3:<bucket>
    name       VARCHAR NOT NULL,     -- path or key within, made of words of ours
    intake     VARCHAR NOT NULL,     -- whose run has put it there
    size_bytes BIGINT NOT NULL,
    checksum   VARCHAR NOT NULL,     -- a storage's SHA-256, base64; empty in a folder
    created    TIMESTAMPTZ,          -- when it was seen to lie there whole; empty until then
    gone       TIMESTAMPTZ           -- when it was taken away again
);
