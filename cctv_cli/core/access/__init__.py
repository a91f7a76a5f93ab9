"""Who may do what: roles, tokens, addresses, and the folder that keeps them."""
