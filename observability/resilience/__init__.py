"""What keeps failure and overload from spreading, for every hop: pauses between attempts, rates."""
