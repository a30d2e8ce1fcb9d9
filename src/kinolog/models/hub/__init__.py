"""Models of the Hugging Face hub: what kinolog needs of them, where they are on this machine, how they come here."""
