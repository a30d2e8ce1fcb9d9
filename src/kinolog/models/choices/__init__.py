"""What jobs of a model can choose, and what they have otherwise: LoRAs, profiles and default values."""
