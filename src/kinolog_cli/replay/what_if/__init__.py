"""`kinolog replay --what-if`: recorded jobs with other settings of the queue and the fleet."""
