"""Redis's dump format (RDB), read and written as a stream, without a server.

Source: `rdb.c`, `rdb.h`, `listpack.c`, `ziplist.c`, `intset.c` of Redis 7.0 to 8 and of Valkey 9.
"""
