"""Run the training program."""

from kinolog_training.app import main

main()
