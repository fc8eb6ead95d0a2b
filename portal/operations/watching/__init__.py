"""Watching Redis and what rests on it: looks, samples over time, alerts, and telling people.

None of it leans on what it watches: all state is in the database, and one pass (`watch.py`) needs neither broker nor
Celery.
"""
