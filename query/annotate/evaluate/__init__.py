"""How right an annotation is, against the truth: measures, calibration, and what the reference lacks."""
