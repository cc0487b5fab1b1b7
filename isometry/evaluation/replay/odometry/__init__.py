"""What replays of all kinds of odometry share: judgement, parts of the report."""
