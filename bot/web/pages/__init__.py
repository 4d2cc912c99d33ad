"""Pages in the browser: signing in, the frame, and what each page shows."""
