"""Names and files become objects here, and nowhere else."""
