"""What the processes of `make run` are told about memory."""

ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "524288"}
"""glibc gives a text of this many bytes or more back to the system once it is done with, such as the document of
thousands of policies at each of their changes. Else a process keeps room for some of them."""
