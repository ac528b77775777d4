"""Published vulnerabilities: an offline snapshot, the recorded versions that it hits, and what people said to that."""
