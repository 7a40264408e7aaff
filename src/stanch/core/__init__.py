"""Values and rules that everything else is made of; standard library only."""
