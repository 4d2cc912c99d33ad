"""What happens on time: due timers and the outbox, by lease; APScheduler only wakes them."""
