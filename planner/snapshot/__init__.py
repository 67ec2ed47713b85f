"""The Snapshot: everything that was observed, in one folder of JSON and Parquet."""
