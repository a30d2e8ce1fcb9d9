"""What commands print: consoles, columns, tables, histories, progress bars."""
