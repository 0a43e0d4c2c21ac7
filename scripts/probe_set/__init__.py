"""How the embedded probe set is made: what is said by whom, under which conditions, and what is heard of it."""
