"""Define a release and what etl, query and cli share."""
