"""An index on a Milvus server: the one place that knows pymilvus, loaded only for an address of such an index."""
