"""What a set-up and a relayed message cost, beside what they could cost at best."""
