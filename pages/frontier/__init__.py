"""The frontier page: what each defense costs in accuracy, and what it keeps from an attacker."""
