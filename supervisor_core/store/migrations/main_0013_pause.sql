-- What nobody begins for now: a person's word, which stands until somebody takes it back.
CREATE TABLE pause (
    task  VARCHAR NOT NULL,      -- analysis | enrichment | enrichment/<mode>
    who   VARCHAR NOT NULL,
    since TIMESTAMPTZ NOT NULL
);
