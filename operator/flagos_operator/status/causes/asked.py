"""What was asked for and cannot be: the command line, and the files of the model."""

from __future__ import annotations

from flagos_operator.status.causes.row import CHECK_FILES, LENGTH, cause
from flagos_operator.status.reasons import Reason

COMMAND = (
    cause(
        r"error: unrecognized arguments: .+", Reason.INVALID_ARGUMENT, "correct spec.server.args"
    ),
    cause(r"error: argument [^:]+: .+", Reason.INVALID_ARGUMENT, "correct spec.server.args"),
    cause(
        r"error: .{0,200}(required|expected|invalid choice|ambiguous)",
        Reason.INVALID_ARGUMENT,
        "correct spec.server.args",
    ),
    cause(
        r"can't open file '|No module named \S+__main__",
        Reason.INVALID_ARGUMENT,
        "correct spec.server.command",
    ),
    cause(
        r"(?:^|: )(?:exec: )?\S{1,100}: (?:command )?not found$",
        Reason.CANNOT_START,
        "correct spec.server.command, preStart or the image",
    ),
    cause(
        r"--enable-auto-tool-choice requires --tool-call-parser",
        Reason.INVALID_ARGUMENT,
        "add --tool-call-parser to spec.server.args",
    ),
    cause(
        r"User-specified max_model_len \(\d+\) is greater than the derived max_model_len "
        r"\(\w+=(?P<length>\d+)",
        Reason.INVALID_ARGUMENT,
        LENGTH,
    ),
    cause(
        r"(?:must be|is not) divisible by (?:the )?tensor[ _]parallel",
        Reason.INVALID_ARGUMENT,
        "correct spec.server.tensorParallelSize",
    ),
    cause(
        r"World size \(\d+\) is larger than the number of available",
        Reason.TOO_FEW_DEVICES,
        "raise spec.devices, or lower spec.server.tensorParallelSize",
    ),
    cause(
        r"invalid device ordinal|[Ii]nvalid device [Ii][Dd]\b|device_id out of range",
        Reason.TOO_FEW_DEVICES,
        "raise spec.devices, or lower spec.server.tensorParallelSize",
    ),
    cause(
        r"Not enough allowed NUMA nodes to bind",
        Reason.INVALID_ARGUMENT,
        "set VLLM_CPU_OMP_THREADS_BIND=nobind in spec.server.env",
    ),
    cause(
        r"VLLM_PORT '.{0,200}' appears to be a URI",
        Reason.INVALID_ARGUMENT,
        "rename the Service that injects VLLM_PORT, or set it in spec.server.env",
    ),
    cause(
        r"Cannot set both VLLM_FL_FLAGOS_WHITELIST and",
        Reason.INVALID_ARGUMENT,
        "use only one of the operator lists: spec.flagos.operators or spec.server.env",
    ),
    cause(
        r"No module named 'flagcx|(?:flagcx|FLAGCX_PATH).{0,120}(?:No such file|not found)",
        Reason.COLLECTIVE_INIT_FAILED,
        "correct spec.flagos.flagcxPath, or leave it out",
    ),
    cause(
        r"VLLM_FL_\w{1,60} file not found",
        Reason.PLUGIN_NOT_LOADED,
        "the FlagOS plugin is not in use: correct or remove that variable in spec.server.env",
    ),
)
MODEL = (
    cause(
        r"Model architectures \[.{0,300}?\] are not supported"
        r"|does not recognize this architecture",
        Reason.UNSUPPORTED_MODEL,
        "use an image whose vLLM knows this model (spec.image)",
    ),
    cause(
        r"Unsupported CPU attention configuration|head_dim=\d+ .{0,40}CPU",
        Reason.UNSUPPORTED_MODEL,
        "this model does not run on a CPU: choose another spec.chip",
    ),
    cause(
        r"(?i)bfloat16 is (?:only|not) supported|does not support (?:bf16|bfloat16)",
        Reason.UNSUPPORTED_MODEL,
        "add --dtype=float16 to spec.server.args",
    ),
    cause(
        r"(?i)unknown quantization|quantization .{0,100}(?:not supported|unsupported)"
        r"|no valid attention backend|not supported (?:on|by|for) (?:this|the current) "
        r"(?:platform|device|chip|hardware)|minimum capability",
        Reason.UNSUPPORTED_MODEL,
        "the image or the chip cannot run this model as it is: use another spec.image or "
        "spec.source",
    ),
    cause(
        r"contains custom code which must be executed|trust_remote_code=True",
        Reason.REMOTE_CODE_REFUSED,
        "set spec.server.trustRemoteCode: true if you trust the repository",
    ),
    cause(
        r"Repo id must be in the form 'repo_name' or 'namespace/repo_name'",
        Reason.WEIGHTS_MISSING,
        "the model directory does not exist: check spec.source and spec.weights.mountPath",
    ),
    cause(
        r"not a valid model identifier|GatedRepoError|RepositoryNotFoundError",
        Reason.WEIGHTS_MISSING,
        "the server was told to load from a hub: let spec.source bring the weights",
    ),
    cause(
        r"Invalid repository ID or local directory specified|does not appear to have a file named",
        Reason.WEIGHTS_MISSING,
        "the model directory has no config.json: check spec.source",
    ),
    cause(
        r"is not a valid JSON file",
        Reason.WEIGHTS_CORRUPT,
        f"the file is damaged: download it again; {CHECK_FILES}",
    ),
    cause(
        r"outgoing traffic has been disabled|[Cc]ouldn't connect to 'https://huggingface"
        r"|(?:huggingface\.co|modelscope\.cn).{0,200}Max retries exceeded",
        Reason.WEIGHTS_MISSING,
        "the server was told to load from a hub: let spec.source bring the weights",
    ),
    cause(
        r"SafetensorError: |UnpicklingError|PytorchStreamReader failed|invalid load key"
        r"|unexpected EOF, expected|[Ff]ile might be corrupt"
        r"|deserializing header",
        Reason.WEIGHTS_CORRUPT,
        f"a weights file is damaged or incomplete: download it again; {CHECK_FILES}",
    ),
    cause(
        r"Following weights were not initialized from checkpoint",
        Reason.WEIGHTS_MISSING,
        "weights files are missing: check source.include and source.exclude of spec.source; "
        + CHECK_FILES,
    ),
    cause(
        r"(?:FileNotFoundError: |No such file or directory).{0,300}"
        r"\.(?:safetensors|bin|json|pt|gguf|model)\b",
        Reason.WEIGHTS_MISSING,
        "the file is missing, or the user of the container may not read it: check spec.source "
        "and the mode of the files",
    ),
    cause(
        r"Cannot find any model weights|Unable to find .{0,40}(?:gguf|safetensors|checkpoint)",
        Reason.WEIGHTS_MISSING,
        "the directory holds no weights: check spec.source",
    ),
    cause(
        r"exceeds dimension size|size mismatch for|[Ss]hape mismatch"
        r"|Attempted to load weight \(.{0,80}\) into parameter",
        Reason.WEIGHTS_MISMATCH,
        "config.json and the weights do not belong together: check spec.source",
    ),
    cause(
        r"There is no module or parameter named",
        Reason.WEIGHTS_MISMATCH,
        "the weights are not of the model that config.json names: check spec.source",
    ),
    cause(
        r"Couldn't instantiate the backend tokenizer|Can't load tokenizer",
        Reason.WEIGHTS_MISSING,
        "tokenizer files are missing: check source.include and source.exclude of spec.source",
    ),
    cause(
        r"Input should be .{0,300}\[type=|^\s*Value error, |\[type=[a-z_]{3,40}, input_",
        Reason.INVALID_ARGUMENT,
        "correct the value in spec.server",
        above=1,  # pydantic names the field on a line of its own
    ),
)
