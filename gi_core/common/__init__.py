"""What every room may use and what knows nothing of this project: errors, paths, disks, whole files, limits."""
