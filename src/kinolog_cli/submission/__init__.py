"""Commands that submit jobs, and what they read: prompts, scenes, pictures and clips."""
