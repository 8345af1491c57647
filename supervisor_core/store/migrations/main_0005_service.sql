-- How well the service is: flights of the canary, and views over analyses for whoever asks in SQL.

CREATE TABLE flight (
    started TIMESTAMPTZ NOT NULL,
    health  VARCHAR NOT NULL,   -- healthy | degraded | unhealthy
    reason  VARCHAR,
    seconds DOUBLE NOT NULL,    -- from the dropped file to its analysis
    stages  VARCHAR NOT NULL    -- JSON: seconds of each stage
);

-- Attempts at an analysis that ended by themselves: not those that somebody stopped, and not those
-- under which the model server went away, which wait for it without counting.
CREATE VIEW analysis_attempt AS
SELECT attempt.id, attempt.media, attempt.level AS profile, attempt.ended, attempt.seconds,
    attempt.outcome = 'done' AS good, attempt.reason,
    attempt.seconds / greatest(1.0, coalesce(media.seconds, 0) / 30.0) AS seconds_per_30s
FROM attempt JOIN media USING (media)
WHERE attempt.step = 'analyse' AND attempt.ended IS NOT NULL
    AND coalesce(attempt.reason, '') NOT IN ('CANCELLED', 'LEASE_LOST', 'BLOCKED_BY_OLLAMA');

-- Tokens that led to no result: of questions that failed, and of answers of which nothing stood.
CREATE VIEW wasted_question AS
SELECT question.*
FROM question LEFT JOIN analysis USING (attempt)
WHERE question.reason IS NOT NULL OR analysis.state IS NULL OR analysis.state = 'abstained';
