"""What Berth needs from outside and has more than one of; abstract classes with their contract."""
