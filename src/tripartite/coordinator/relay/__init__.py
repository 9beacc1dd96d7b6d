"""The mailbox: takes a party's signed message, stores it, hands it to the others."""
