"""One page about an integration: gathered (:mod:`.gather`), drawn (:mod:`.draw`) and written (:mod:`.page`)."""
