"""How well all goes, who is told, and who may look at the pages."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

_OWNER = r"(team:[A-Za-z0-9_-]+|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})"


class WatchingSettings(BaseModel):
    """How well all goes, who is told, and who may look at the pages."""

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

    owners: str = Field(
        default="team:operators",
        pattern=rf"^\s*{_OWNER}(\s*,\s*{_OWNER})*\s*$",
        description="Who answers for the assets, as their pages say: `team:name` or mail addresses,"
        " separated by commas.",
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

    @property
    def owner_names(self) -> list[str]:
        """The members of `owners`."""
        return [name.strip() for name in self.owners.split(",")]
