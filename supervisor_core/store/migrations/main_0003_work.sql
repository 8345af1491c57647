-- Work on media that passed the gate, and what a model has said of them.

CREATE TABLE work (
    media       VARCHAR NOT NULL,
    task        VARCHAR NOT NULL,   -- analysis/<profile>
    state       VARCHAR NOT NULL,   -- states.Work
    reason      VARCHAR,            -- why it waits, or ended without a whole result
    attempts    INTEGER NOT NULL,   -- opened since it was queued
    not_before  TIMESTAMPTZ,
    key         VARCHAR,            -- what the last result rests on
    lease_owner VARCHAR,
    lease_epoch BIGINT NOT NULL,
    lease_until TIMESTAMPTZ,
    created     TIMESTAMPTZ NOT NULL,
    updated     TIMESTAMPTZ NOT NULL
);

CREATE TABLE analysis (
    key           VARCHAR NOT NULL,  -- SHA-256 of content, profile, model digest, prompt, options
    media         VARCHAR NOT NULL,
    output        VARCHAR NOT NULL,  -- SHA-256 of the cleaned file whose frames were shown
    profile       VARCHAR NOT NULL,
    prompt_hash   VARCHAR NOT NULL,
    model         VARCHAR NOT NULL,
    model_digest  VARCHAR NOT NULL,
    kind          VARCHAR,           -- a word of the profile's list
    kind_source   VARCHAR NOT NULL,  -- tag | model | name | none
    state         VARCHAR NOT NULL,  -- done | degraded | abstained
    result        VARCHAR NOT NULL,  -- JSON; every score with its frames, or null with a reason
    frames        VARCHAR NOT NULL,  -- JSON: number, time (s) and SHA-256 of each frame shown
    prompt_tokens BIGINT NOT NULL,
    answer_tokens BIGINT NOT NULL,
    model_seconds DOUBLE NOT NULL,   -- of the last, good question
    seconds       DOUBLE NOT NULL,   -- from opening the attempt to the result
    attempt       VARCHAR NOT NULL,
    created       TIMESTAMPTZ NOT NULL,
    current       BOOLEAN NOT NULL
);

CREATE TABLE question (
    id            VARCHAR NOT NULL,
    attempt       VARCHAR NOT NULL,
    media         VARCHAR NOT NULL,
    task          VARCHAR NOT NULL,
    asked         TIMESTAMPTZ NOT NULL,
    seconds       DOUBLE NOT NULL,
    reason        VARCHAR,           -- empty when a whole answer came
    prompt_tokens BIGINT NOT NULL,
    answer_tokens BIGINT NOT NULL,
    load_s        DOUBLE NOT NULL
);
