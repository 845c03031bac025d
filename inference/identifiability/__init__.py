"""What data can tell, before anything is sampled."""
