"""The model server, and what is asked of it: analyses and enrichments."""

from pathlib import Path

from pydantic import BaseModel, Field


class ModelSettings(BaseModel):
    """The model server, and what is asked of it: analyses and enrichments."""

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

    frames_base_s: float = Field(
        default=60.0, gt=0, description="Limit to choose the frames that are analysed."
    )
    frames_rate: float = Field(
        default=2.0,
        ge=0,
        description="Added to that, and to drawing a scrub strip, for each second of media.",
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
