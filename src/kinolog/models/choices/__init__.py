"""What jobs of a model can choose: LoRAs and profiles."""
