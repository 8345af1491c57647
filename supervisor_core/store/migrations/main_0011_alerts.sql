-- What fails at this moment, who was told of it when, and what could not be told yet. Causes are
-- checks with their severity and jobs with their reason: words of ours, and keys of intakes.
CREATE TABLE alert_cause (
    subject   VARCHAR NOT NULL,     -- check:<asset>:<check> | run:<job> | fresh:<asset>
    cause     VARCHAR NOT NULL,     -- WARN | ERROR | a reason | STALE
    items     VARCHAR NOT NULL,     -- JSON: each intake that fails ('' for no intake), since when
    last      TIMESTAMPTZ NOT NULL, -- when it failed last
    run       VARCHAR,              -- the run in which it did
    figures   VARCHAR NOT NULL,     -- JSON: the numbers of that evaluation
    told      TIMESTAMPTZ,          -- when somebody was told last that it fails
    told_size DOUBLE NOT NULL,      -- how much of it there was then
    owed      BOOLEAN NOT NULL      -- who was told that it fails is owed that it passes again
);

CREATE TABLE alert_message (
    id      VARCHAR NOT NULL,
    created TIMESTAMPTZ NOT NULL,
    content VARCHAR NOT NULL        -- JSON, as a webhook is sent it
);

CREATE TABLE alert_delivery (
    message    VARCHAR NOT NULL,
    channel    VARCHAR NOT NULL,    -- webhook | mail
    state      VARCHAR NOT NULL,    -- pending | sent | given_up
    tries      INTEGER NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    reason     VARCHAR,             -- why the last try failed
    reached    VARCHAR NOT NULL,    -- JSON: hashes of the addresses that have it already
    updated    TIMESTAMPTZ NOT NULL
);

-- How far Dagster's events were read.
CREATE TABLE alert_position (
    position BIGINT NOT NULL,
    updated  TIMESTAMPTZ NOT NULL
);
