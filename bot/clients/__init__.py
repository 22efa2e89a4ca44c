"""What clients do: begin, write, complete their data, press buttons, ask for help."""
