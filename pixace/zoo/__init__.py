"""Published models, and installing one."""
