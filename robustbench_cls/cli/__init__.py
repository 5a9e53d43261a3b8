"""The command line `robust`: one file a verb, no logic."""
