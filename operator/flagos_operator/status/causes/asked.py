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
        r"--enable-auto-tool-choice requires --tool-call-parser",
        Reason.INVALID_ARGUMENT,
        "add --tool-call-parser to spec.server.args",
    ),
    cause(
        r"User-specified \w+ \(\d+\) is greater than the derived \w+ "
        r"\((?:\w+=)?(?P<length>\d+)",
        Reason.INVALID_ARGUMENT,
        LENGTH,
    ),
    cause(
        r"appears path-like, but doesn't exist|invalid (?:tool call|tool|reasoning) parser"
        r"|max_num_batched_tokens \(\d+\) (?:is smaller|must)|No adapter found for"
        r"|does not match the quantization method specified|Selected backend .{0,80} is not valid",
        Reason.INVALID_ARGUMENT,
        "correct spec.server.args",
    ),
    cause(
        r"Cannot re-initialize \w+ in forked subprocess",
        Reason.INVALID_ARGUMENT,
        "set VLLM_WORKER_MULTIPROC_METHOD=spawn in spec.server.env",
    ),
    cause(
        r"(?:must be|is not) divisible by (?:(?:the )?tensor[ _]parallel|min_thread_|tp[ _]size"
        r"|weight quantization block)"
        r"|not aligned with the quantized weight",
        Reason.INVALID_ARGUMENT,
        "correct spec.server.tensorParallelSize",
    ),
    cause(
        r"World size \(\d+\) is larger than the number of available"
        r"|number of required \w{1,20} exceeds the total number of available"
        r"|Cannot provide a placement group|No available node types can fulfill",
        Reason.TOO_FEW_DEVICES,
        "raise spec.devices, or lower spec.server.tensorParallelSize",
    ),
    cause(
        r"invalid device ordinal|[Ii]nvalid device(?:,| [Ii][Dd]\b)|device_id out of range"
        r"|[a-z]ErrorInvalidDevice\b",
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
        "rename the Service that injects VLLM_PORT, or take it out of spec.server.envFrom",
    ),
    cause(
        r"Cannot set both VLLM_FL_FLAGOS_WHITELIST and",
        Reason.INVALID_ARGUMENT,
        "use only one of spec.flagos.operators.allow and spec.flagos.operators.deny, and none in "
        "spec.server.envFrom",
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
        early=True,
    ),
)
MODEL = (
    cause(
        r"Model architectures \[.{0,300}?\] are not supported"
        r"|does not recognize this architecture|has no vLLM implementation"
        r"|Unrecognized configuration class",
        Reason.UNSUPPORTED_MODEL,
        "use an image whose vLLM knows this model (spec.image)",
    ),
    cause(
        r"Unrecognized model in .{0,200}model_type",
        Reason.UNSUPPORTED_MODEL,
        "config.json does not say of what type the model is: check spec.source",
    ),
    cause(
        r"Tokenizer class \w{1,80} does not exist|did not match any variant of untagged enum",
        Reason.UNSUPPORTED_MODEL,
        "the tokenizer is newer than the image, or damaged: use a newer spec.image",
    ),
    cause(
        r"Unsupported CPU attention configuration|head_dim=\d+ .{0,40}CPU",
        Reason.UNSUPPORTED_MODEL,
        "this model does not run on a CPU: choose another spec.chip",
    ),
    cause(
        r"No available implementation for op='\w{1,80}'",  # the plugin's dispatcher
        Reason.UNSUPPORTED_MODEL,
        "no implementation of that operator is left for this chip: take it out of "
        "spec.flagos.operators.deny and denyMore, or use another spec.image",
    ),
    cause(
        r"(?i)bfloat16 is (?:only|not) supported|does not support (?:bf16|bfloat16)",
        Reason.UNSUPPORTED_MODEL,
        "add --dtype=float16 to spec.server.args",
    ),
    cause(
        r"(?i)unknown quantization|quantization .{0,100}(?:not supported|unsupported)"
        r"|no valid attention backend|not supported (?:on|by|for) (?:this|the current) "
        r"(?:platform|device|chip|hardware)|minimum capability"
        r"|'_opnamespace' '\w{1,40}' object has|could not run '\w{1,40}::"
        r"|not implemented for '(?:half|bfloat16|float8)"
        r"|only supports? \w{2,20} GPUs? or newer"
        r"|no supported ops kernel|failed to compile op\b|fp8\w{1,8} not supported in this",
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
        r"not a valid model identifier|GatedRepoError|RepositoryNotFoundError|NotExistError: ",
        Reason.WEIGHTS_MISSING,
        "the server was told to load from a hub: let spec.source bring the weights",
    ),
    cause(
        r"Invalid repository ID or local directory specified|does not appear to have a file named"
        r"|Can't load the configuration of '",
        Reason.WEIGHTS_MISSING,
        "the model directory has no config.json: check spec.source",
    ),
    cause(
        r"is not a valid JSON file",
        Reason.WEIGHTS_CORRUPT,
        f"the file is damaged: bring it anew; {CHECK_FILES}",
    ),
    cause(
        r"outgoing traffic has been disabled|[Cc]ouldn't connect to 'https://huggingface"
        r"|(?:huggingface\.co|modelscope\.cn).{0,200}Max retries exceeded"
        r"|Max retries exceeded with url: (?:/api/|\S{0,200}/resolve/)",
        Reason.WEIGHTS_MISSING,
        "the server was told to load from a hub: let spec.source bring the weights",
    ),
    cause(
        r"SafetensorError: |UnpicklingError|PytorchStreamReader failed|invalid load key"
        r"|unexpected EOF, expected|[Ff]ile might be corrupt"
        r"|Unable to load weights from pytorch checkpoint"
        r"|deserializing header",
        Reason.WEIGHTS_CORRUPT,
        f"a weights file is damaged or incomplete: bring it anew; {CHECK_FILES}",
    ),
    cause(
        r"Following weights were not initialized from checkpoint",
        Reason.WEIGHTS_MISSING,
        "weights files are missing: check spec.source.include and spec.source.exclude; "
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
        r"There is no module or parameter named"
        r"|KeyError: '[\w.]{0,200}\.\w{0,40}(?:weight|bias|scale|scales|qzeros)\w{0,20}'",
        Reason.WEIGHTS_MISMATCH,
        "the weights are not of the model that config.json names: check spec.source",
    ),
    cause(
        r"Couldn't instantiate the backend tokenizer|Can't load tokenizer|No tokenizer file found"
        r"|^TypeError: not a string$",  # SentencePiece, of a path that is None
        Reason.WEIGHTS_MISSING,
        "tokenizer files are missing: check spec.source.include and spec.source.exclude",
    ),
    cause(
        r"Input should be .{0,300}\[type=|^\s*Value error, |\[type=[a-z_]{3,40}, input_",
        Reason.INVALID_ARGUMENT,
        "correct the value in spec.server",
        above=1,  # pydantic names the field on a line of its own
        unless=r"failed to be inspected",
    ),
)
