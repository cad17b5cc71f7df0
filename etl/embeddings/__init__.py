"""From protein sequences to vectors: models, the store of what was computed, pooling of isoforms to genes."""
