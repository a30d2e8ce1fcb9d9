"""`python -m kinolog_worker.inference`, which `InferenceProcess` starts."""

from kinolog_worker.inference.inference_loop import main

main()
