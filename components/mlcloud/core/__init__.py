"""What every cloud shares: settings, context, names, arguments, errors and output protocols."""
