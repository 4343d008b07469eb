"""The nouns and the rules: boards, scores, periods, rankings. Knows nothing of Flask and sockets."""
