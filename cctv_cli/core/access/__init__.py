"""Who may do what: roles, tokens, signed links, and the folder that keeps them."""
