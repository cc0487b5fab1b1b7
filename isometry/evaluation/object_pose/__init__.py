"""6D poses of objects measured against labels."""
