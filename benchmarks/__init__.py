"""The service beside others: what it costs."""
