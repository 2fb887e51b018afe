"""What `fleetlog new` writes: a small domain to begin with."""
