"""Backups in S3, or in what speaks its protocol."""

from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from django.core.files.base import File
from storages.backends.s3 import S3Storage

_PART_BYTES = 8 * 1024 * 1024


class StreamingS3Storage(S3Storage):  # type: ignore[misc]  # its base has no types
    """django-storages' S3, which reads as it streams, in bounded memory, and with patience that ends.

    boto3 finds the keys where it always does: environment, profile, or the machine's role.
    """

    def get_default_settings(self) -> dict[str, Any]:
        """Return django-storages' own settings but for those that backups need otherwise."""
        # Keys given by hand would leave a session token in the environment out: boto3 takes all or none.
        by_boto3: dict[str, Any] = dict.fromkeys(("access_key", "secret_key", "security_token"))
        ours = by_boto3 | {
            "default_acl": None,
            "file_overwrite": True,
            "object_parameters": {"ContentType": "application/octet-stream"},
            "transfer_config": _few_parts_at_once(),
            "client_config": Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard"}),
        }
        defaults: dict[str, Any] = super().get_default_settings()
        return defaults | ours

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        """Return the object as it comes in; django-storages would fetch all of it first."""
        if mode != "rb":
            raise ValueError(mode)
        try:
            answer = self.bucket.Object(self._normalize_name(name)).get()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise FileNotFoundError(name) from error
            raise
        return File(answer["Body"], name)


def _few_parts_at_once() -> TransferConfig:
    config = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=2)
    # boto3 passes no value for it on; of itself it would be ten parts.
    config.max_in_memory_upload_chunks = 2
    return config
