"""The training program: one command for each stage.

    python -m kinolog_training text --samples 187000 --seed 1
    python -m kinolog_training decoder --samples 142000 --seed 1
    python -m kinolog_training denoiser --samples 1143000 --bf16 --seed 1
    python -m kinolog_training export --to services/worker/kinolog_worker/models/kinolog-tiny
    python -m kinolog_training evaluate --model services/worker/kinolog_worker/models/kinolog-tiny

Every stage continues from its checkpoint in --folder. On a GPU add `--device cuda --compile` and a larger --batch.
"""

import argparse
import os
from pathlib import Path

DEFAULT_FOLDER = Path(os.environ.get("KINOLOG_TRAINING_FOLDER", "build/kinolog-training"))
BATCHES = {"text": 256, "decoder": 48, "denoiser": 256}
CUDA_BATCHES = {"text": 2048, "decoder": 512, "denoiser": 4096}
BANK_CAPTIONS = 400_000


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="kinolog_training", description="Train, export and judge kinolog-tiny."
    )
    top.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="folder of the checkpoints")
    top.add_argument("--threads", type=int, default=1, help="CPU threads")
    stages = top.add_subparsers(dest="stage", required=True)
    for name in BATCHES:
        stage = stages.add_parser(name, help=f"train the {name}, continuing from its checkpoint")
        limit = stage.add_mutually_exclusive_group(required=True)
        limit.add_argument("--minutes", type=float, help="end this run after this time")
        limit.add_argument("--samples", type=int, help="end after this many samples in all")
        stage.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
        stage.add_argument("--batch", type=int, default=None)
        stage.add_argument("--seed", type=int, default=0)
        stage.add_argument(
            "--cool",
            type=float,
            default=0.25,
            help="last part of the run with falling learning rates; 0 for none",
        )
        stage.add_argument(
            "--bf16",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="bfloat16 arithmetic; on by default on a GPU",
        )
        stage.add_argument("--compile", action="store_true", help="compile the network first")
    export = stages.add_parser("export", help="write a WanPipeline folder from the checkpoints")
    export.add_argument("--to", type=Path, required=True)
    judge = stages.add_parser("evaluate", help="score a model folder on held-out prompts")
    judge.add_argument("--model", type=Path, required=True)
    judge.add_argument("--prompts", type=int, default=500)
    judge.add_argument("--doubles", type=int, default=100, help="prompts of two objects, scored separately")
    judge.add_argument("--seed", type=int, default=1)
    judge.add_argument("--steps", type=int, default=20)
    judge.add_argument("--guidance", type=float, default=2.0)
    judge.add_argument("--frames", type=int, default=17)
    judge.add_argument("--ceilings", action="store_true", help="score drawn and decoded clips instead")
    judge.add_argument(
        "--sheet", type=Path, default=None, help="write a contact sheet of 24 prompts here instead"
    )
    return top


def train(arguments: argparse.Namespace) -> None:
    """Run one training stage."""
    import torch

    from kinolog_training.captions.caption_bank import load_caption_bank
    from kinolog_training.stages.decoder import train_decoder
    from kinolog_training.stages.denoiser import train_denoiser
    from kinolog_training.stages.run import TrainingRun
    from kinolog_training.stages.text import train_text

    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")
    batch = arguments.batch or (CUDA_BATCHES if arguments.device == "cuda" else BATCHES)[arguments.stage]
    bank = load_caption_bank(arguments.folder, BANK_CAPTIONS, arguments.seed)
    bf16 = arguments.device == "cuda" if arguments.bf16 is None else arguments.bf16
    run = TrainingRun(
        arguments.folder,
        arguments.stage,
        minutes=arguments.minutes,
        samples=arguments.samples,
        device=arguments.device,
        cool=arguments.cool,
        bf16=bf16,
    )
    if arguments.stage == "decoder":
        train_decoder(run, batch, arguments.seed, arguments.compile)
        return
    if arguments.stage == "text":
        train_text(run, bank, batch, arguments.seed)
    else:
        train_denoiser(run, bank, batch, arguments.seed, arguments.compile)


def main() -> None:
    """Run the stage that the command line names."""
    arguments = parser().parse_args()
    if arguments.stage in BATCHES:
        train(arguments)
    elif arguments.stage == "export":
        from kinolog_training.stages.export import export

        export(arguments.folder, arguments.to)
    else:
        from kinolog_training.evaluation.evaluate import evaluate_folder

        evaluate_folder(arguments)
