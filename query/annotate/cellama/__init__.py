"""Method ``cellama``: cells as sentences, embedded by a language model; and fine-tuning of that model."""

from homodb.query.annotate.cellama.tune import fine_tune as fine_tune
