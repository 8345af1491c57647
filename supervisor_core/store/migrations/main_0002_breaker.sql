-- Whether a model is being asked: one row for each endpoint and model, shared by all processes.

CREATE TABLE breaker (
    endpoint VARCHAR NOT NULL,   -- scheme, host and port; never a path or a name and password
    model    VARCHAR NOT NULL,
    phase    VARCHAR NOT NULL,   -- breaker.Phase
    failures INTEGER NOT NULL,
    until    TIMESTAMPTZ,        -- the end of being open, or of the trial's lease
    trial    VARCHAR,            -- who is trying
    reason   VARCHAR,            -- why the last question failed
    updated  TIMESTAMPTZ NOT NULL
);
