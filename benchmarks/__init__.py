"""What Berth costs beside what it stands on; run by ``make bench``."""
