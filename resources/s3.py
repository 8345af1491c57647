"""The object storage as a resource: dagster-aws' own, over the core's settings and limits."""

from typing import Any

from dagster_aws.s3 import S3Resource

from supervisor_core.remote.s3 import Storage
from supervisor_core.settings import Settings


class StorageResource(S3Resource):
    """Endpoint and region are SUPERVISOR_S3_*, credentials AWS_* of the environment, never stored.

    Its client is the core's: dagster-aws would wait a minute for an answer, and ask a cloud
    machine's own service for credentials.
    """

    def storage(self) -> Storage:
        """The storage of the environment's settings; nothing is opened yet."""
        return Storage(Settings.load())

    def get_client(self) -> Any:
        """A boto3 client; raises `Failed(STORAGE_DENIED)` without credentials."""
        return self.storage().client
