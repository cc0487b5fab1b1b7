"""What all commands share: progress bars, errors, arguments, results."""
