"""One document out of several services' answers: named parts, and what they need of each other."""
