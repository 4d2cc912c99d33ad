"""One file per thing that people can do: a command, a click, a form, an event."""
