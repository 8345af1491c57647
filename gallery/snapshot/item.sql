-- One row for each media that came in, and one for each file that was refused or is not looked at
-- yet: what the lists filter, count and sort. Words about a picture stand here only while its file
-- may be read. The newest come first, which is how most lists want them. Moments are UTC.
CREATE OR REPLACE TABLE memory.main.item AS
WITH numbered AS (
    SELECT min(rowid) AS first, count(*) AS times FROM arrival
    WHERE state IN ('imported', 'duplicate', 'refused') OR state = 'seen' AND media IS NULL
    GROUP BY hash(coalesce(media, intake || ordinal))
),
placed AS (
    SELECT arrival.*, numbered.times, intake.source, intake.profile
    FROM numbered JOIN arrival ON arrival.rowid = numbered.first JOIN intake USING (intake)
),
proven AS (
    SELECT media, sha256, kind, level, path, size_bytes FROM output
    WHERE current AND path IS NOT NULL AND verified_at IS NOT NULL
),
alike AS (
    SELECT media FROM near_pair UNION SELECT other FROM near_pair
),
gapped AS (
    SELECT DISTINCT intake FROM gap
),
large AS (
    SELECT parent AS media, any_value(output) AS output FROM variant
    WHERE preferred AND path IS NOT NULL GROUP BY parent
),
stuck AS (
    SELECT DISTINCT media FROM work
    WHERE state = 'blocked' AND reason = 'BLOCKED_BY_OLLAMA'
),
tagged AS (
    SELECT media, list_distinct(list(
        CASE WHEN namespace = '' THEN name ELSE namespace || ':' || name END)) AS tags
    FROM tag GROUP BY media
),
collected AS (
    SELECT media, list_distinct(list(collection)) AS collections
    FROM collection_member GROUP BY media
),
rated AS (
    SELECT media, arg_max(stars, CASE source WHEN 'human' THEN 2 ELSE 1 END) AS stars
    FROM rating GROUP BY media
),
named AS (
    SELECT media, max(TRY(value ->> '$')) FILTER (name = 'title') AS title,
        max(TRY(value ->> '$')) FILTER (name = 'caption') AS caption
    FROM field WHERE name IN ('title', 'caption') GROUP BY media
),
asked AS (
    SELECT media, any_value(positive) AS positive FROM prompt GROUP BY media
),
seen AS (
    SELECT media, sum(times) AS looks FROM look GROUP BY media
),
damaged AS (
    SELECT media, any_value(output) AS output FROM integrity WHERE NOT ok GROUP BY media
),
told AS (
    SELECT placed.media, placed.intake, placed.ordinal, placed.source, placed.profile, placed.times,
        placed.first_seen, coalesce(placed.reason, media.reason) AS reason,
        coalesce(media.kind, 'unknown') AS kind, media.container, media.width, media.height,
        media.seconds, coalesce(media.size_bytes, placed.size_bytes) AS size_bytes,
        media.cleaning, media.verification, media.review, placed.state AS arrival,
        CASE WHEN media.cleaning = 'not_required' THEN placed.media
            WHEN media.verification = 'verified' AND proven.level = media.cleaning
                AND media.cleaning IN ('frame_level', 'roi_mask') THEN proven.sha256 END AS file,
        CASE WHEN media.cleaning = 'not_required' THEN media.container ELSE proven.kind END
            AS file_kind,
        CASE WHEN media.cleaning = 'not_required' THEN media.raw_path ELSE proven.path END
            AS file_path,
        CASE WHEN media.cleaning = 'not_required' THEN media.size_bytes ELSE proven.size_bytes END
            AS file_bytes,
        rated.stars, coalesce(seen.looks, 0) AS looks, damaged.output AS damaged,
        tagged.tags, collected.collections, named.title, named.caption, asked.positive,
        CASE WHEN gapped.intake IS NULL THEN 'no' ELSE 'yes' END AS gaps, large.output AS enlarged,
        stuck.media IS NOT NULL AS stuck,
        CASE WHEN alike.media IS NOT NULL OR placed.times > 1 THEN 'yes' ELSE 'no' END AS alike
    FROM placed LEFT JOIN media USING (media) LEFT JOIN proven USING (media)
        LEFT JOIN rated USING (media) LEFT JOIN seen USING (media) LEFT JOIN damaged USING (media)
        LEFT JOIN tagged USING (media) LEFT JOIN collected USING (media)
        LEFT JOIN named USING (media) LEFT JOIN asked USING (media)
        LEFT JOIN gapped ON gapped.intake = placed.intake
        LEFT JOIN large USING (media) LEFT JOIN stuck USING (media) LEFT JOIN alike USING (media)
)
SELECT hash(coalesce(media[:16], intake || '-' || lpad(ordinal::VARCHAR, 3, '0'))) AS key,
    hash(file) AS file_key,
    coalesce(media[:16], intake || '-' || lpad(ordinal::VARCHAR, 3, '0')) AS id,
    media, intake, ordinal, source, profile, first_seen, first_seen::DATE AS day,
    strftime(first_seen, '%Y-%m') AS month, kind, width,
    height, seconds, size_bytes, file, file_kind, file_path, file_bytes, reason, looks, times,
    CASE
        WHEN arrival = 'refused' THEN 'failed'
        WHEN cleaning IS NULL OR cleaning IN ('waiting', 'running') THEN 'cleaning'
        WHEN cleaning = 'raw_aside' THEN 'raw'
        WHEN verification IN ('residual', 'timeout') AND cleaning <> 'not_required' THEN 'failed'
        WHEN file IS NULL THEN 'cleaning'
        WHEN review = 'released' THEN 'released'
        WHEN review = 'held' THEN 'held'
        WHEN review = 'rejected' THEN 'rejected'
        WHEN cleaning = 'not_required' THEN 'not_required'
        ELSE 'needs_review'
    END AS state,
    -- What was found out about a former file says nothing of the one that stands there now.
    CASE WHEN damaged IN (file, media) THEN 'damaged'
        WHEN verification = 'verified' AND (file IS NULL OR cleaning = 'not_required') THEN 'none'
        ELSE coalesce(verification, 'none') END AS checked,
    coalesce(review, 'none') AS review, coalesce(enlarged = file, false) AS large,
    cleaning AS level, stars, coalesce(stars::VARCHAR, 'none') AS rated, stuck, gaps, alike,
    CASE WHEN file IS NOT NULL THEN title END AS title,
    CASE WHEN file IS NOT NULL THEN caption END AS caption,
    CASE WHEN file IS NOT NULL THEN coalesce(tags, []) ELSE [] END AS tags,
    coalesce(collections, []) AS collections,
    CASE WHEN file IS NOT NULL THEN lower(concat_ws(' ', title, caption,
        array_to_string(tags, ' '), positive, array_to_string(collections, ' '))) ELSE '' END
        || ' ' || lower(coalesce(media, '')) || ' ' || lower(intake) AS text
FROM told
ORDER BY first_seen DESC, id
