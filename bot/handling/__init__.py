"""What every handler uses: the action call, filters, message content, prompts, typed names."""
