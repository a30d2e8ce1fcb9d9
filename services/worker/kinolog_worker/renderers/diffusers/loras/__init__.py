"""LoRAs: their files, and the adapters that change a loaded pipeline (decision 91)."""
