"""What a job chooses of the catalogue beside its model."""
