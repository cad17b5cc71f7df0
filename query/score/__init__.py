"""How good an integration is: scores of several profiles over one embedding."""
