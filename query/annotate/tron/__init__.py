"""Transfer Orthology Networks: a species conversion layer before a network that was trained on another species."""
