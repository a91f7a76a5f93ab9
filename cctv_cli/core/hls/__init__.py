"""RFC 8216 as values and text: media and multivariant playlists, in both directions."""
