"""A card as people paste it: the shell text in it, line by line, without what the web added."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from flagos_operator.fromdocker.report import UnclearError

LIMIT = 256 * 1024  # a card with all of its prose has 20 KiB

QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\uff02", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\uff07", "'"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008", " "),
        **dict.fromkeys("\u2009\u200a\u202f\u205f\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None),
        **dict.fromkeys(
            "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", None
        ),
        **dict.fromkeys("\u2010\u2011\u2012\u2212\uff0d\ufe63", "-"),
        "\uff1d": "=",
        "\uff3c": "\\",
        "\uff04": "$",
    }
)
# Two hyphens that an editor joined; in the middle of a word such a dash is somebody's name.
LONG_DASH = re.compile(r"(?<![^\s])[\u2013\u2014\u2015]+(?=[A-Za-z]{2})")
SHORT_DASH = re.compile(r"(?<![^\s])\u2013(?=[A-Za-z](?:\s|$))")

# At the end of a line; that of `date` is the second of a pair.
OF_POWERSHELL = re.compile(r"(?m)^((?:[^`\n]*+`[^`\n]*+`)*+[^`\n]*+)(?<!`)`[ \t]*+(?=\n[ \t]*+\S)")
OF_WINDOWS = re.compile(r"(?m)(?<=\S[ \t])[`^](?=[ \t]*\n[ \t]*\S)")
FENCE = re.compile(r"^\s*(?:>\s*)?(?:`{3,}|~{3,})\s*([\w.+-]*)[^`]*$")
ENDS_IN_FENCE = re.compile(r"(?<=[^\s`])\s*`{3,}\s*$")
TYPED = re.compile(
    r"(?m)^[ \t]*(?:[$#][ \t]+)?(?:sudo[ \t]+)?(?:docker|podman|nerdctl|vllm|flagscale"
    r"|modelscope|hf|huggingface-cli|conda|export)\s+\S"
)
SHELLS = {"", "bash", "sh", "shell", "zsh", "console", "shell-session", "text", "txt", "plain"}
SHELLS |= {"plaintext", "terminal", "docker", "bat", "powershell", "cmd", "plain_text", "none"}
PROMPT = re.compile(
    r"^\s*(?:\(\w[\w.-]*\)\s*)?"
    r"(?:\[?[\w.-]+@[\w.-]+[^#$\n]{0,80}[#$]|\$|%|root#|[\w.-]+[:>]~?[#$])"
    r"[ \t]+(?=\S)"
)
QUOTED_LINE = re.compile(r"^>[ \t]+(?!.*2>&1)(?!\S+\.(?:log|out|txt)\b)(?!/dev/null)")
ROOT_PROMPT = re.compile(
    r"^\s*#[ \t]+(?=(?:sudo|docker|podman|nerdctl|vllm|export|source|modelscope|hf|huggingface-cli"
    r"|git|cd|python3?|flagscale|bash|nohup|[A-Z_]+=\S*)\s)"
)
WORTH = re.compile(
    r"\b(?:docker|podman|nerdctl)\s+(?:container\s+)?(?:run|create|exec)\b|\bvllm\s+serve\b"
    r"|sglang\.launch_server|vllm\.entrypoints|\bflagscale\s+serve\b"
)


# What holds a server's line in a form of its own: by the keys that only it has.
FOREIGN = (
    ("a FlagOSModel already", r"^kind:[ \t]*FlagOSModel\b", "kubectl apply takes it as it is"),
    ("a Kubernetes manifest", r"^apiVersion:[ \t]*\S(?:.*\n){1,40}?kind:[ \t]*\S", ""),
    ("a compose file", r"^services:[ \t]*$", ""),
    ("a Dockerfile", r"^FROM[ \t]+\S(?:.*\n){1,40}?(?:CMD|ENTRYPOINT)[ \t]", ""),
)
AS_A_LINE = "write what its container does as the line `docker run ... IMAGE vllm serve MODEL ...`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Lines that belong together: a quote that opens in one block does not close in another."""

    first: int
    text: str


def decoded(raw: bytes) -> str:
    if len(raw) > LIMIT:
        raise UnclearError(
            f"{len(raw) // 1024} KiB of text: more than {LIMIT // 1024} KiB is no card; "
            "paste the part with the commands"
        )
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if wide else "utf-8")
    except UnicodeDecodeError as wrong:
        raise UnclearError(f"not UTF-8 text: {wrong.reason} at byte {wrong.start}") from wrong
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnclearError(f"line {line}: a NUL byte: this is no text")
    return text


def segments(text: str) -> list[Segment]:
    plain = cleaned(text).split("\n")
    blocks = fenced(plain)
    if not any(WORTH.search(block.text) for block in blocks):
        blocks = [Segment(first=1, text="\n".join(plain))]
    return [Segment(first=block.first, text=unprompted(block.text)) for block in blocks]


def cleaned(text: str) -> str:
    """In the shell's own characters: on Windows a line goes on behind a ` or a ^."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(QUOTES)
    text = SHORT_DASH.sub("-", text)
    text = OF_WINDOWS.sub(r"\\", LONG_DASH.sub("--", text))
    return OF_POWERSHELL.sub(r"\1 \\", text)


def foreign(text: str) -> str:
    """What the text is, where it is no commands at all, and what to do then."""
    for what, sign, cure in FOREIGN:
        if found := re.search(sign, text, re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            return f"line {line}: this is {what}; only commands are read: {cure or AS_A_LINE}"
    return ""


def fenced(lines: list[str]) -> list[Segment]:
    """The blocks of markdown that are shell, whatever language they claim to be."""
    found: list[Segment] = []
    start, language = 0, ""
    for number, line in enumerate([*lines, "```"], start=1):
        mark = FENCE.match(line)
        if start and (mark or ENDS_IN_FENCE.search(line)):
            last = [] if mark else [ENDS_IN_FENCE.sub("", line)]
            text = "\n".join([*lines[start : number - 1], *last])
            if language in SHELLS or TYPED.search(text):
                found.append(Segment(first=start + 1, text=text))
            start = 0
        elif mark:
            start, language = number, mark.group(1).lower()
    return found


def unprompted(text: str) -> str:
    lines = [QUOTED_LINE.sub("", PROMPT.sub("", line)) for line in text.split("\n")]
    spoken = [line for line in lines if not line.lstrip().startswith("#")]
    if not any(WORTH.search(line) for line in spoken):
        # Where every command stands behind a #, it is the prompt of root and no comment.
        lines = [ROOT_PROMPT.sub("", line) for line in lines]
    return "\n".join(lines)
