"""What each tenant may use: policies, and the file that states them."""
