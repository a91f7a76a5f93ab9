"""Who may do what: roles, tokens, links, addresses, and the folder that keeps them."""
