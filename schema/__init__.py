"""Define what all floors share: tables, species, errors, manifests."""
