"""What the coordinator's own monerod says about payouts."""
