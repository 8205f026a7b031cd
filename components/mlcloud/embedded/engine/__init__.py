"""The engine proper: it compares what a program asks for with what is there, and brings that about."""
