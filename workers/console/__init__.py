"""The screens of `fleetlog`: one file for each family of commands, and what they share."""
