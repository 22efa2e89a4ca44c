"""Who gets a contact: the choice, the assignment, the queue, the sources."""
