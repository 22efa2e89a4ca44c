"""The service level: how long clients wait in the working hours of a source, against its targets."""
