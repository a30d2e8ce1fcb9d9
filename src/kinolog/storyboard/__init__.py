"""The storyboard of a job: shots, camera and scenes. Pure."""
