"""What the name of an image suggests about where it runs: whose chip, which, built with what.

Hints again (images.py): what the name does not say, or says in two ways, is unknown, and unknown
suits every chip. A vendor is told only by words that are no model's name: `nvidia` and `ascend`
alone name models and their makers too, so a place in the name or a number is asked for.

  <vendor>NNN         the code of a chip, in names since 2025: nvidia004, metax001, pp001
  flagrelease-<vendor>-, flagrelease_<vendor>_
                      where FlagRelease's older names begin
  vllm0.24.0-hygon-   product images; ascend-vllm0.28.0, metax-vllm, vllm-musa: builds of vLLM
  :v0.28.0-cuda-ci    the plugin's own test images
  dtk26, maca37, musa43, cann90, ptnpu210, corex4, ixml4, hggc130, tang0, raisa0, xmlir
                      a vendor's SDK with its version. CUDA's is no sign: PPU, MetaX and Iluvatar
                      speak CUDA too, and an Iluvatar image is called cu102.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# FlagRelease's codes (memory/image-naming-new-spec.md), by vendor and number.
CHIPS = {
    "nvidia": ("A100", "A800", "H20", "H100", "H800"),
    "ascend": ("910B",),
    "metax": ("C550",),
    "mthreads": ("S5000",),
    "iluvatar": ("BI-V150",),
    "hygon": ("BW1000",),
    "kunlunxin": ("P800", "P900"),
    "zhenwu": ("ZW810",),
}
VENDORS = {
    *CHIPS,
    "cambricon",
    "enflame",
    "tsingmicro",
    "sunrise",
    "arm",
}
ALIASES = {"pp": "zhenwu", "thead": "zhenwu", "ppu": "zhenwu", "musa": "mthreads"}
ALIASES |= {"cuda": "nvidia", "npu": "ascend", "gcu": "enflame"}
SDKS = {
    "dtk": "hygon",
    "maca": "metax",
    "musa": "mthreads",
    "cann": "ascend",
    "ptnpu": "ascend",
    "torch_npu": "ascend",
    "corex": "iluvatar",
    "ixml": "iluvatar",
    "hggc": "zhenwu",
    "tang": "sunrise",
    "raisa": "tsingmicro",
}
# vllm-pp2 is a pipeline, vllm-arm64 an architecture, and vllm-cuda anybody's that speaks CUDA.
NAMES = "|".join(sorted({*VENDORS, *ALIASES} - {"cuda"}, key=len, reverse=True))
BUILDS = "|".join(sorted({*VENDORS, *ALIASES} - {"cuda", "pp", "arm"}, key=len, reverse=True))
BEFORE, AFTER = r"(?:^|[-_/:+.])", r"(?=$|[-_:+.])"

CODE = re.compile(rf"{BEFORE}(?:gpu_)?({'|'.join({*VENDORS, 'pp'})})(\d{{3}}){AFTER}")
PLACES = (
    re.compile(rf"^flagrelease[-_]({NAMES}){AFTER}"),
    re.compile(rf"^vllm[\d.]+-({NAMES})-"),
    re.compile(rf"{BEFORE}({BUILDS})-vllm"),
    re.compile(rf"{BEFORE}vllm-({BUILDS})(?=$|[-_:+.\d])"),
    re.compile(rf"plugin-fl:v[\d.]+-({NAMES}|cuda)-ci"),
)
SDK = re.compile(rf"{BEFORE}({'|'.join(SDKS)})(?:\d|[-_.]\d+\.\d)")
# The compiler of Hygon's fork of FlagTree, and Kunlunxin's runtime, come without a number.
PLAIN = {"flagtree-hcu": "hygon", "xmlir": "kunlunxin"}

ARCHES = {"x64": "amd64", "amd64": "amd64", "x86_64": "amd64"}
ARCHES |= {"a64": "arm64", "arm64": "arm64", "aarch64": "arm64"}
ARCH = re.compile(rf"[-_](?:arc_)?({'|'.join(ARCHES)}){AFTER}")
DRIVER = (
    re.compile(r"-driver_v?(\d+(?:\.\d+)+)"),
    re.compile(r"-(?:x64|a64)-v?(\d+(?:\.\d+)+)"),
)
CUDA = (re.compile(r"[-_]cuda(\d+\.\d+)"), re.compile(r"[-_]cu(\d{2})(\d)(?=$|[-_:+])"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """None is "the name does not say"."""

    vendor: str | None = None
    chip: str | None = None  # H100
    arch: str | None = None  # as Kubernetes calls it
    driver: str | None = None  # of the machine that it was built and tried on
    cuda: str | None = None  # 12.9


def origin(image: str) -> Origin:
    """From the last part of the name and the tag: registries and folders have owners' names."""
    name = image.partition("@")[0].rpartition("/")[2].lower()
    arches = {ARCHES[found] for found in ARCH.findall(name)}
    return Origin(
        vendor=only(vendors(name)),
        chip=chip(name),
        arch=only(arches),
        driver=first(DRIVER, name),
        cuda=cuda(name),
    )


def vendors(name: str) -> set[str]:
    """All whom the name speaks of. Several are a contradiction, and nothing follows from one."""
    told = {found for found, _ in CODE.findall(name)}
    told |= {found for place in PLACES for found in place.findall(name)}
    known = {ALIASES.get(word, word) for word in told}
    known |= {SDKS[word] for word in SDK.findall(name)}
    return known | {vendor for word, vendor in PLAIN.items() if word in name}


def only(found: set[str]) -> str | None:
    return found.copy().pop() if len(found) == 1 else None


def chip(name: str) -> str | None:
    """The code says it; a code that is newer than this list says the vendor alone."""
    for word, number in CODE.findall(name):
        known = CHIPS.get(ALIASES.get(word, word), ())
        if 0 < int(number) <= len(known):
            return known[int(number) - 1]
    return None


def first(patterns: tuple[re.Pattern[str], ...], name: str) -> str | None:
    found = (pattern.search(name) for pattern in patterns)
    return next((match.group(1) for match in found if match), None)


def cuda(name: str) -> str | None:
    dotted, short = (pattern.search(name) for pattern in CUDA)
    if dotted:
        return dotted.group(1)
    return f"{short.group(1)}.{short.group(2)}" if short else None
