"""Follow jobs until they end: schedule, queue, engine, webhooks."""
