"""A simulated federation: pictures dealt out among clients, rounds of FedAvg, and what each update shows."""
