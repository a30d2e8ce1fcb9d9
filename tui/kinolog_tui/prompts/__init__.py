"""Writing of prompts: earlier ones, and an editor of the person's own."""
