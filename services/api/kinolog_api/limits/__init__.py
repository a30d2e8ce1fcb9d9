"""What tenants may use: limits of jobs, of queues and of budgets."""
