"""Which chip a card is for, from everything in it that names one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.fromdocker.report import UnclearError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flagos_operator.fromdocker.card import Serve
    from flagos_operator.fromdocker.report import Report

# Names of vendors, as images, repositories, runtimes and GEMS_VENDOR say them.
VENDORS: Mapping[str, str] = {
    "nvidia": "nvidia",
    "ascend": "ascend",
    "metax": "metax",
    "mthreads": "mthreads",
    "musa": "mthreads",
    "iluvatar": "iluvatar",
    "hygon": "hygon",
    "kunlunxin": "kunlunxin",
    "cambricon": "cambricon",
    "enflame": "enflame",
    "zhenwu": "zhenwu",
    "thead": "zhenwu",
    "tsingmicro": "tsingmicro",
    "sunrise": "sunrise",
    "arm": "arm",
}
# Their software and devices, as the names of images tell them: weaker, since some say cuda too.
SOFTWARE: Mapping[str, str] = {
    "cuda": "nvidia",
    "cu1[0-9]{2}": "nvidia",
    "cann[0-9.]*": "ascend",
    "(?:torch|pt)_?npu[0-9.]*": "ascend",
    "maca[0-9.]*": "metax",
    "musa[0-9.]*": "mthreads",
    "corex[0-9.]*": "iluvatar",
    "ixml[0-9.]*": "iluvatar",
    "dtk-?[0-9.]*": "hygon",
    "hcu": "hygon",
    "dcu": "hygon",
    "xpu": "kunlunxin",
    "xrt[0-9]*": "kunlunxin",
    "xmlir": "kunlunxin",
    "mlu": "cambricon",
    "gcu[0-9]*": "enflame",
    "ppu[0-9]*": "zhenwu",
    "pp00[0-9]": "zhenwu",
    "hggc[0-9]*": "zhenwu",
    "txda": "tsingmicro",
    "raisa[0-9.]*": "tsingmicro",
    "tang[0-9.]*": "sunrise",
    "armv[89]": "arm",
    "cpu": "cpu",
}
DEVICES: Mapping[str, str] = {
    r"/dev/davinci|/dev/hisi_hdc|/dev/devmm": "ascend",
    r"/dev/mxcd": "metax",
    r"/dev/mtgpu": "mthreads",
    r"/dev/iluvatar|/dev/itr": "iluvatar",
    r"/dev/mkfd": "hygon",
    r"/dev/xpu": "kunlunxin",
    r"/dev/cambricon": "cambricon",
    r"/dev/gcu|/dev/dtu": "enflame",
    r"/dev/alixpu": "zhenwu",
    r"/dev/nvidia|nvidia\.com/": "nvidia",
}
MOUNTS: Mapping[str, str] = {
    r"/usr/local/Ascend|/usr/local/dcmi": "ascend",
    r"/opt/hyhal": "hygon",
    r"/usr/local/PPU_SDK": "zhenwu",
    r"/usr/local/tangrt|/usr/local/pccl": "sunrise",
    r"/usr/bin/cnmon": "cambricon",
}
VARIABLES: Mapping[str, str] = {
    r"NVIDIA_(?:VISIBLE_DEVICES|DRIVER_)": "nvidia",
    r"ASCEND_|HCCL_|PYTORCH_NPU": "ascend",
    r"MACA_": "metax",
    r"MTHREADS_|MUSA_": "mthreads",
    r"HIP_VISIBLE|DTK_|HSA_": "hygon",
    r"XPU_|BKCL_|XMLIR_": "kunlunxin",
    r"MLU_|CNCL_": "cambricon",
    r"TOPS_|ECCL_|TORCH_?GCU": "enflame",
    r"TXDA_": "tsingmicro",
    r"TANG_|TA_": "sunrise",
}
TOLD = 3  # signs of one chip
SAID_BY = re.compile(r"GEMS_VENDOR|SGLANG_FL_VENDOR|VLLM_FL_PLATFORM")
NAMES = "|".join(VENDORS)
VENDOR = re.compile(rf"(?:^|[-_/:.])({NAMES})(?:\d{{3}})?(?=$|[-_/:.])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    chip: str
    where: str
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """All that may tell the chip."""

    serve: Serve
    image: str
    repo: str
    chips: Mapping[str, object]
    report: Report

    def name(self) -> str:
        """The chip that the sure signs name, or else the weaker ones; empty where nothing does."""
        found = list(evidence(self.serve, image=self.image, repo=self.repo))
        for sure in (True, False):
            signs = [sign for sign in found if sign.sure is sure]
            if signs:
                return self.agreed(signs)
        return ""

    def agreed(self, signs: list[Evidence]) -> str:
        chips = {described(sign.chip, self.chips) for sign in signs}
        if len(chips) > 1:
            told = "; ".join(f"{sign.chip} by {sign.where}" for sign in signs)
            raise UnclearError(f"signs of several chips: {told}; choose one with --chip")
        chip = chips.pop()
        told = ", ".join(list(dict.fromkeys(sign.where for sign in signs))[:TOLD])
        self.report.say(f"chip {chip}", f"guessed from {told}; --chip says it")
        return chip


def described(chip: str, known: Mapping[str, object]) -> str:
    """An Arm processor is a chip of its own only where somebody has described one."""
    return "cpu" if chip == "arm" and chip not in known else chip


def evidence(serve: Serve, *, image: str, repo: str) -> Iterator[Evidence]:
    yield from in_name(image, where="the name of the image")
    yield from in_name(repo, where="the name of the repository")
    yield from in_variables(serve)
    if serve.run is None:
        return
    for given, value in serve.run.using("runtime"):
        if value.text in VENDORS:
            yield Evidence(chip=VENDORS[value.text], where=given.source, sure=True)
    for use, table in (("device", DEVICES), ("volume", MOUNTS), ("mount", MOUNTS)):
        for given, value in serve.run.using(use):
            chip = matched(value.text, table)
            if chip:
                yield Evidence(chip=chip, where=given.source, sure=True)
    for given, _ in serve.run.using("gpus"):
        yield Evidence(chip="nvidia", where=given.source, sure=False)


def in_name(name: str, *, where: str) -> Iterator[Evidence]:
    name = name.partition("@")[0]
    sure = {VENDORS[found.lower()] for found in VENDOR.findall(name)}
    for chip in sorted(sure):
        yield Evidence(chip=chip, where=where, sure=True)
    words = re.split(r"[-_/:]", name.lower())
    for pattern, chip in SOFTWARE.items():
        if any(re.fullmatch(pattern, word) for word in words):
            yield Evidence(chip=chip, where=where, sure=False)


def in_variables(serve: Serve) -> Iterator[Evidence]:
    for variable in serve.env:
        where = f"{variable.name}={variable.value.text}"
        if SAID_BY.fullmatch(variable.name) and variable.value.text in VENDORS:
            yield Evidence(chip=VENDORS[variable.value.text], where=where, sure=True)
        chip = matched(variable.name, VARIABLES)
        if chip:
            yield Evidence(chip=chip, where=variable.name, sure=True)


def matched(text: str, table: Mapping[str, str]) -> str:
    return next((chip for pattern, chip in table.items() if re.match(pattern, text)), "")
