"""The use cases of TicketService."""
