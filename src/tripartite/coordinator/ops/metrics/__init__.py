"""What an operator can measure: counts kept by each process, gauges read from the database."""
