"""The tables of a release, and what all floors share: species, errors, manifest, connections."""
