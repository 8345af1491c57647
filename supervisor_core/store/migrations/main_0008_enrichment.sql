-- What the enrichment modes have made of media, the values people and models give them, and how
-- many questions a model is asked at once.

CREATE TABLE enrichment (
    key           VARCHAR NOT NULL,    -- SHA-256 of content, inputs, recipe, model digest
    basis         VARCHAR NOT NULL,    -- SHA-256 of content and inputs alone
    media         VARCHAR NOT NULL,
    mode          VARCHAR NOT NULL,
    output        VARCHAR NOT NULL,    -- SHA-256 of the file it rests on
    state         VARCHAR NOT NULL,    -- done | degraded | abstained
    reason        VARCHAR,             -- why there is nothing, or only a part
    result        VARCHAR NOT NULL,    -- JSON
    raw           VARCHAR NOT NULL,    -- what the model said, capped
    flaws         VARCHAR NOT NULL,    -- JSON list: what of it does not stand, and why
    inputs        VARCHAR NOT NULL,    -- JSON: the key of each result of another mode it rests on
    frames        VARCHAR NOT NULL,    -- JSON: index, time (s) and SHA-256 of each frame shown
    recipe        VARCHAR NOT NULL,    -- SHA-256 of prompt, schema, model's name, options, sizes
    prompt_hash   VARCHAR NOT NULL,    -- SHA-256 of prompt and schema
    model         VARCHAR NOT NULL,    -- '' where none was asked
    model_digest  VARCHAR NOT NULL,
    options       VARCHAR NOT NULL,    -- JSON
    prompt_tokens BIGINT NOT NULL,
    answer_tokens BIGINT NOT NULL,
    model_seconds DOUBLE NOT NULL,
    seconds       DOUBLE NOT NULL,     -- from opening the attempt to the result
    attempt       VARCHAR NOT NULL,
    created       TIMESTAMPTZ NOT NULL,
    checked       TIMESTAMPTZ NOT NULL, -- when it was last seen to rest on what it should
    current       BOOLEAN NOT NULL
);

-- One value of a media and who gives it: a machine never overwrites what a person has locked.
CREATE TABLE field (
    media   VARCHAR NOT NULL,
    name    VARCHAR NOT NULL,    -- caption | title | quality | nsfw | prompt | tags | rating | ...
    value   VARCHAR NOT NULL,    -- JSON
    source  VARCHAR NOT NULL,    -- human | model:<mode> | computed:<mode>
    locked  BOOLEAN NOT NULL,
    who     VARCHAR NOT NULL,
    updated TIMESTAMPTZ NOT NULL
);

CREATE TABLE embedding (
    media        VARCHAR NOT NULL,
    key          VARCHAR NOT NULL,   -- of its enrichment
    model        VARCHAR NOT NULL,
    model_digest VARCHAR NOT NULL,
    dimensions   INTEGER NOT NULL,
    vector       BLOB NOT NULL,      -- little-endian float32 each, of length 1
    created      TIMESTAMPTZ NOT NULL
);

-- How many questions at once a model is asked, by all processes together, and who asks how many.
CREATE TABLE model_window (
    endpoint VARCHAR NOT NULL,
    model    VARCHAR NOT NULL,
    size     DOUBLE NOT NULL,
    base_s   DOUBLE,             -- how long one question takes when all goes well
    updated  TIMESTAMPTZ NOT NULL
);

CREATE TABLE model_slot (
    endpoint VARCHAR NOT NULL,
    model    VARCHAR NOT NULL,
    owner    VARCHAR NOT NULL,
    places   INTEGER NOT NULL,
    until    TIMESTAMPTZ NOT NULL
);

ALTER TABLE question ADD COLUMN model VARCHAR;   -- NULL: of before
