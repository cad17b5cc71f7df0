"""Carries cell types from a reference of one species to the cells of another: several methods, one signature."""
