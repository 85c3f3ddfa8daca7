"""Pretrain a small Chinese BERT by masked language modelling from plain text, one sentence a line.

    python tools/pretrain_mini.py --text base.txt --masking character --tokens 20e6 \
        --exclude cnsd-sts-dev.txt cnsd-sts-test.txt --work runs/pretrain/mini-bert --out mini-bert

A killed run goes on from its last checkpoint when the same command is given again.
"""

import argparse
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

os.environ.setdefault(
    "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
)  # what makes matrix products repeatable on a GPU

# Every length is a shape of its own to oneDNN, which would else forget compiled ones and begin anew.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

import mlm_data
import numpy as np
import torch
from character_vectors import character_vectors, cooccurrence
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from tqdm.auto import tqdm
from transformers import AutoTokenizer, BertConfig, BertForPreTraining, BertModel

HELD_OUT_BATCH_TOKENS = 8192
HELD_OUT_LINES = 2000
MASKED_MULTIPLE = 64  # masked tokens a step, rounded up: few shapes recur
STEPS_PER_SHOWN_LOSS = 20  # reading a loss makes a GPU wait


@dataclass(frozen=True)
class Recipe:
    """What decides the result of a run, and nothing else."""

    masking: str = "word"  # "character" or "word"
    tokens: int = 20_000_000  # training tokens, padding not counted
    batch_tokens: int = 4096
    learning_rate: float = 1e-3  # peak
    warmup: float = 0.02  # share of all tokens
    decay: float = 0.5  # share of all tokens over which the rate falls to 0, linearly
    weight_decay: float = 0.01
    next_sentence: float = 0.0  # share of the batches with the next-sentence objective
    layers: int = 4
    hidden: int = 256
    heads: int = 4
    activation: str = "gelu"
    max_tokens: int = 64
    embedding_std: float = 0.05
    character_vectors: bool = True
    seed: int = 0

    def __post_init__(self):
        if self.masking not in ("character", "word"):
            raise ValueError(f"masking must be 'character' or 'word', not {self.masking!r}")
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")


# ---------------------------------------------------------------- model


def new_model(recipe: Recipe, vocab_size: int) -> BertForPreTraining:
    """A BERT with heads, drawn from the recipe's seed; without dropout, which slows a short run."""
    torch.manual_seed(recipe.seed)
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=4 * recipe.hidden,
        hidden_act=recipe.activation,
        max_position_embeddings=recipe.max_tokens * 2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertForPreTraining(config)


def set_character_vectors(
    model: BertForPreTraining, corpus: mlm_data.Corpus, recipe: Recipe
) -> None:
    """Start the embeddings, which are the output layer too, from co-occurrence counts."""
    table = model.bert.embeddings.word_embeddings.weight
    counts = cooccurrence(np.asarray(corpus.tokens), corpus.offsets, table.shape[0])
    vectors = character_vectors(counts, recipe.hidden, recipe.embedding_std, recipe.seed)
    with torch.no_grad():
        table.copy_(torch.from_numpy(vectors))


def continued_model(folder: Path) -> BertForPreTraining:
    """The encoder in `folder`, with the heads saved beside it when they are there."""
    config = BertConfig.from_pretrained(
        folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = BertForPreTraining(config)
    model.bert = BertModel.from_pretrained(folder, config=config, dtype=torch.float32)
    model.tie_weights()
    if (folder / "heads.safetensors").exists():
        model.cls.load_state_dict(
            {k: v.float() for k, v in load_file(folder / "heads.safetensors").items()}, strict=False
        )
    return model


def export(model: BertForPreTraining, tokenizer, folder: Path) -> None:
    """Write the encoder as `AutoModel` reads it, fp16 on disk, and the heads for training on."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = BertModel(model.config)
    encoder.load_state_dict(model.bert.state_dict())
    encoder.half().save_pretrained(folder)
    tied = {id(model.bert.embeddings.word_embeddings.weight)}
    heads = {k: v.half().contiguous() for k, v in model.cls.named_parameters() if id(v) not in tied}
    save_file(heads, folder / "heads.safetensors")
    config = json.loads((folder / "config.json").read_text())
    # float32 in use: AutoModel follows this field, not the width on disk
    # dropout is for whoever fine-tunes; pretraining had none
    config.update(
        dtype="float32",
        architectures=["BertModel"],
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    )
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tokenizer.save_pretrained(folder)


# ---------------------------------------------------------------- one step


def autocast_dtype(device: torch.device) -> torch.dtype | None:
    """bfloat16 where the hardware computes in it; None elsewhere, where float32 is faster."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
        native = "avx512_bf16" in flags or "amx_bf16" in flags
    return torch.bfloat16 if native else None


def make_batch(
    corpus,
    lines,
    recipe: Recipe,
    vocab_size: int,
    rng,
    next_sentence: bool = False,
    masking: str | None = None,
) -> dict:
    """Encoded, masked tensors of one batch.

    next_sentence: cut every sentence in two segments, half of the second ones another sentence's.
    Returns input_ids, token_type_ids, attention_mask (rows, length; the mask is None when nothing is
    padded), where (chosen,) flat positions, labels (chosen,), -100 for those that only fill up,
    swapped (rows,) or None, and tokens, their number.
    """
    sentences, second, swapped = [corpus[i] for i in lines], None, None
    if next_sentence:
        sentences, second, swapped = mlm_data.two_segments(sentences, rng)
    batch = mlm_data.assemble(sentences, second)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    masked, chosen = mlm_data.mask_tokens(
        ids, batch["words"], (masking or recipe.masking) == "word", vocab_size, rng
    )
    where = np.flatnonzero(chosen)
    filling = -len(where) % MASKED_MULTIPLE
    labels = np.concatenate([ids.ravel()[where], np.full(filling, -100)])
    return {
        "input_ids": torch.from_numpy(masked),
        "token_type_ids": torch.from_numpy(batch["token_type_ids"]),
        "attention_mask": None if mask.all() else torch.from_numpy(mask),
        "where": torch.from_numpy(np.concatenate([where, np.zeros(filling, np.int64)])),
        "labels": torch.from_numpy(labels),
        "swapped": None if swapped is None else torch.from_numpy(swapped),
        "tokens": int(mask.sum()),
    }


def losses(model: BertForPreTraining, batch: dict, device: torch.device, dtype: torch.dtype | None):
    """Masked-token loss, next-sentence loss (0 without) and the number of masked tokens found."""
    batch = {k: v.to(device) if torch.is_tensor(v) else v for k, v in batch.items()}
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
        out = model.bert(
            batch["input_ids"], batch["attention_mask"], token_type_ids=batch["token_type_ids"]
        )
        rows = out.last_hidden_state.flatten(0, 1).index_select(
            0, batch["where"]
        )  # logits only where needed
        logits = model.cls.predictions(rows).float()
        next_logits = model.cls.seq_relationship(out.pooler_output).float()
    masked_loss = F.cross_entropy(logits, batch["labels"])
    together = logits.new_zeros(())
    if batch["swapped"] is not None:
        together = F.cross_entropy(next_logits, batch["swapped"])
    return masked_loss, together, int((logits.argmax(1) == batch["labels"]).sum())


@torch.no_grad()
def masked_accuracy(
    model, corpus, recipe: Recipe, vocab_size: int, device, masking: str | None = None
) -> dict:
    """Share of held-out masked tokens found, and their mean loss; every call has the same masks."""
    rng = np.random.default_rng(12345)
    lengths = corpus.lengths()[:HELD_OUT_LINES]
    found = total = 0
    loss_sum = 0.0
    for lines in mlm_data.plan_batches(lengths, HELD_OUT_BATCH_TOKENS, rng):
        batch = make_batch(corpus, lines, recipe, vocab_size, rng, masking=masking)
        masked = int((batch["labels"] >= 0).sum())
        if masked == 0:
            continue
        loss, _, right = losses(model, batch, device, autocast_dtype(device))
        found, total, loss_sum = found + right, total + masked, loss_sum + float(loss) * masked
    return {
        "accuracy": found / max(total, 1),
        "loss": loss_sum / max(total, 1),
        "masked_tokens": total,
    }


# ---------------------------------------------------------------- run


def learning_rate(recipe: Recipe, tokens_seen: int) -> float:
    """Linear warm-up, a plateau, a linear fall to 0.

    The plateau knows nothing of the end, so a run stopped on it may be given more or fewer tokens.
    """
    done = tokens_seen / recipe.tokens
    rise = min(1.0, (done + 1e-4) / max(recipe.warmup, 1e-4))
    fall = min(1.0, (1 - done) / max(recipe.decay, 1e-4))
    return recipe.learning_rate * max(0.0, min(rise, fall))


def make_optimizer(model, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW that spares biases, norms and embeddings from decay."""
    decayed = [p for n, p in model.named_parameters() if p.dim() > 1 and "embeddings" not in n]
    spared = [p for n, p in model.named_parameters() if p.dim() == 1 or "embeddings" in n]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=recipe.learning_rate, betas=(0.9, 0.98), eps=1e-6, fused=True
    )


def save_checkpoint(path: Path, **state) -> None:
    """Write all or nothing: a run killed while it saves keeps its last checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def check_same_run(path: Path, saved: dict, recipe: Recipe, text: list) -> None:
    """Raise ValueError when the checkpoint has another recipe; the length of a run may change."""
    wanted = asdict(recipe) | {"text": text}
    different = [k for k in wanted if k not in ("tokens", "decay") and saved.get(k) != wanted[k]]
    if different:
        raise ValueError(
            f"{path} was made with another {', '.join(different)}; "
            "give another --work or the same settings"
        )


class Run:
    """A training run that can be stopped after any step and taken up from its last checkpoint.

    Every batch follows from (seed, epoch, step) alone, so the data order needs no state but two
    numbers. `text` names the text files, to recognise the checkpoint of another run.
    """

    def __init__(self, model, corpus, recipe: Recipe, vocab_size: int, work: Path, text, device):
        self.model, self.corpus, self.recipe = model.to(device).train(), corpus, recipe
        self.vocab_size, self.text, self.device = vocab_size, list(text), device
        self.dtype = autocast_dtype(device)
        self.optimizer = make_optimizer(model, recipe)
        self.state = {"step": 0, "epoch": 0, "batch": 0, "tokens": 0, "seconds": 0.0}
        self.state["evaluations"] = []
        self.path = work / "checkpoint.pt"
        if self.path.exists():
            self._restore()

    def _restore(self) -> None:
        saved = torch.load(self.path, map_location=self.device, weights_only=False)
        check_same_run(self.path, saved["recipe"], self.recipe, self.text)
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["rng"].cpu())
        self.state = saved["state"]

    def save(self) -> None:
        save_checkpoint(
            self.path,
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            rng=torch.get_rng_state(),
            state=self.state,
            recipe=asdict(self.recipe) | {"text": self.text},
        )

    def finished(self) -> bool:
        return self.state["tokens"] >= self.recipe.tokens

    def steps(self):
        """Train step by step until the tokens are seen; yields what each step showed."""
        lengths, state, recipe = self.corpus.lengths(), self.state, self.recipe
        while not self.finished():
            order = np.random.default_rng([recipe.seed, state["epoch"]])
            plan = mlm_data.plan_batches(lengths, recipe.batch_tokens, order)
            for lines in islice(plan, state["batch"], None):
                started = time.perf_counter()
                shown = self._step(lines)
                state["seconds"] += time.perf_counter() - started
                yield shown
                if self.finished():
                    return
            state["epoch"] += 1
            state["batch"] = 0

    def _step(self, lines) -> dict:
        state, recipe = self.state, self.recipe
        rng = np.random.default_rng([recipe.seed, 1, state["step"]])
        with_next = rng.random() < recipe.next_sentence
        batch = make_batch(self.corpus, lines, recipe, self.vocab_size, rng, with_next)
        shown = {"tokens": batch["tokens"]}
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, state["tokens"])
        if len(batch["labels"]):  # a batch of one short sentence may have nothing masked
            masked, together, _ = losses(self.model, batch, self.device, self.dtype)
            (masked + together).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            shown["loss"] = masked.detach()
            if with_next:
                shown["next"] = together.detach()
        state["step"] += 1
        state["batch"] += 1
        state["tokens"] += batch["tokens"]
        return shown


def train(
    model,
    corpus,
    held_out,
    recipe: Recipe,
    vocab_size: int,
    work: Path,
    *,
    text=(),
    checkpoint_every=200,
    evaluate_every=1000,
    on_evaluation=None,
    stop_after_steps=None,
    device=torch.device("cpu"),
) -> dict:
    """Train `model` in place until `recipe.tokens` are seen, from `work`/checkpoint.pt if there.

    checkpoint_every, evaluate_every: in steps. on_evaluation() is called after each evaluation.
    stop_after_steps: leave early, as if killed. Returns the log: step, tokens, seconds of training
    and evaluations. Raises ValueError when the checkpoint belongs to another recipe.
    """
    run = Run(model, corpus, recipe, vocab_size, work, text, device)
    state, shown, last = run.state, {}, (stop_after_steps or math.inf) + run.state["step"]
    count = {"total": recipe.tokens, "initial": state["tokens"], "unit": "tok", "unit_scale": True}
    with tqdm(**count, mininterval=5) as bar:
        for step in run.steps():
            bar.update(step.pop("tokens"))
            shown |= step
            if state["step"] % STEPS_PER_SHOWN_LOSS == 0:
                bar.set_postfix({k: f"{float(v):.3f}" for k, v in shown.items()}, refresh=False)
            if state["step"] % evaluate_every == 0:
                measured = masked_accuracy(model, held_out, recipe, vocab_size, device)
                at = {"step": state["step"], "tokens": state["tokens"]}
                state["evaluations"].append(at | measured)
                tqdm.write(json.dumps(at | measured))
                if on_evaluation:
                    on_evaluation()
            if state["step"] % checkpoint_every == 0:
                run.save()
            if state["step"] >= last:
                return state
    run.save()
    return state


# ---------------------------------------------------------------- command line


def parse_arguments(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--text", nargs="+", type=Path, required=True, help="training text, one sentence a line"
    )
    parser.add_argument(
        "--exclude", nargs="+", type=Path, default=[], help="STS files whose sentences are dropped"
    )
    parser.add_argument(
        "--vocab-text",
        nargs="+",
        type=Path,
        help="text to take the vocabulary from (default: --text)",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        help="folder of an existing tokenizer, instead of a new vocabulary",
    )
    parser.add_argument(
        "--init", type=Path, help="encoder folder to continue from, tokenizer and shape included"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument(
        "--cache",
        type=Path,
        help="folder for encoded text, to share between runs (default: in --work)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished encoder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--checkpoint-every", type=int, default=200, help="steps")
    parser.add_argument(
        "--evaluate-every", type=int, default=1000, help="steps; the encoder so far is written too"
    )
    for name, default in asdict(Recipe()).items():
        option = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
        else:
            kind = (lambda s: int(float(s))) if isinstance(default, int) else type(default)
            parser.add_argument(option, type=kind, default=default, help=f"(default: {default})")
    args = parser.parse_args(arguments)
    for path in [*args.text, *args.exclude, *(args.vocab_text or []), args.tokenizer, args.init]:
        if path and not path.exists():
            parser.error(f"{path} does not exist")
    return args


def get_tokenizer(args, recipe: Recipe, excluded: set[str]):
    """The tokenizer to continue with, the one asked for, or a new one from the text."""
    folder = args.init or args.tokenizer
    if folder is None and (args.work / "tokenizer").exists():
        folder = args.work / "tokenizer"  # made by this run before it was stopped
    if folder is not None:
        return AutoTokenizer.from_pretrained(folder)
    lines = (
        line
        for path in args.vocab_text or args.text
        for line in mlm_data.read_lines(path, excluded)
    )
    tokenizer = mlm_data.make_tokenizer(mlm_data.build_vocabulary(lines), recipe.max_tokens)
    tokenizer.save_pretrained(args.work / "tokenizer")
    return tokenizer


def get_model(args, recipe: Recipe, corpus, vocab_size: int) -> BertForPreTraining:
    """The encoder to continue, or a new one."""
    if args.init:
        return continued_model(args.init)
    model = new_model(recipe, vocab_size)
    if recipe.character_vectors:
        set_character_vectors(model, corpus, recipe)
    return model


def main(arguments=None) -> None:
    """Pretrain as the command line says; writes the encoder to --out and a log to --work."""
    args = parse_arguments(arguments)
    recipe = Recipe(**{name: getattr(args, name) for name in asdict(Recipe())})
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    args.work.mkdir(parents=True, exist_ok=True)
    excluded = mlm_data.read_excluded(args.exclude)
    tokenizer = get_tokenizer(args, recipe, excluded)
    cache, content = args.cache or args.work, recipe.max_tokens - 2
    corpus = mlm_data.encode_corpus(args.text, tokenizer, excluded, cache, content, held_out=False)
    held_out = mlm_data.encode_corpus(args.text, tokenizer, excluded, cache, content, held_out=True)
    device, model = torch.device(args.device), get_model(args, recipe, corpus, len(tokenizer))
    parameters = sum(p.numel() for p in model.bert.parameters())
    print(
        f"{len(corpus):,} sentences, {len(corpus.tokens):,} tokens, vocabulary {len(tokenizer):,}, "
        f"{parameters:,} parameters, {device}, {autocast_dtype(device) or 'float32'}",
        flush=True,
    )
    log = train(
        model,
        corpus,
        held_out,
        recipe,
        len(tokenizer),
        args.work,
        text=[p.name for p in args.text],
        checkpoint_every=args.checkpoint_every,
        evaluate_every=args.evaluate_every,
        device=device,
        on_evaluation=lambda: export(model, tokenizer, args.work / "latest"),
    )
    log["final"] = {
        m: masked_accuracy(model, held_out, recipe, len(tokenizer), device, m)
        for m in ("character", "word")
    }
    export(model, tokenizer, args.out)
    summary = {
        "recipe": asdict(recipe),
        "text": [p.name for p in args.text],
        "init": args.init and args.init.name,
        "sentences": len(corpus),
        "parameters": parameters,
        "device": str(device),
        **log,
    }
    (args.work / "log.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps({k: v for k, v in summary.items() if k != "evaluations"}, indent=2))


if __name__ == "__main__":
    main()
