"""Settings that several packages share."""
