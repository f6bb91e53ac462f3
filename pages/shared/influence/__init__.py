"""The question of the influence page, which the lab's risk meter asks too."""
