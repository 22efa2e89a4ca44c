"""HTTP on the bare connection, and the forms that requests carry."""
