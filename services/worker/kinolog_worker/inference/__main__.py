"""`python -m kinolog_worker.inference`: started by InferenceProcess, not by people."""

from kinolog_worker.inference.inference_loop import main

main()
