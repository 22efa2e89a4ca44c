"""What clients do: begin, write, complete their data, ask for help."""
