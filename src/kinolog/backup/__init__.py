"""The folder of a backup, which needs no server: whoever has the folder can check it."""
