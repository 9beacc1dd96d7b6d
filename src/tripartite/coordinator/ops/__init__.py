"""What every request and every operator needs: problems, limits, stored answers, logs."""
