-- One row is a strategy that maps a pair of species.
SELECT unnest(strategies) AS strategy FROM species_pair WHERE species_a = $species_a AND species_b = $species_b
