"""What the name of an image suggests about the software in it.

Hints, never truth: a published tag has said bf16 over int8 weights, and 0.0.0 of a plugin
whose number was just never raised. `spec.versions` wins over all of it.

Generations of names, all of one registry:
  2025        flagrelease-<vendor>-release-model_<m>-tree_x-gems_y-…-vllm_z-plugin_p-cx_c-…:<date>
  early 2026  flagrelease-<vendor>-gems_y-tree_x-flagos_f-vllmpluginfl_p-flagcx_c-vllm_z-<arch>
  since July  <model>-<chip>-gems<y>-tree<x>-cx<c>-plugin<p>-vllm<z>-[sglang<s>-]…-<arch>-…:<date>
  product     vllm<z>-<vendor>-<sdk>:<flagos>-<plugin>_g<commit>.d<date>
and upstream's own: vllm/vllm-openai:v<z>, lmsysorg/sglang:v<s>.
"""

from __future__ import annotations

import re

from flagos_operator.catalog.versions import Versions

# A dot is asked for: plugin-02154560 and gems-c080be72 are commits.
VERSION = r"(\d+(?:\.\d+)+(?:(?:rc|a|b|\.post|\.dev)\d+)*)"
PARTS = {
    "vllm": "vllm",
    "sglang": "sglang",
    "vllm_plugin_fl": "plugin|vllmpluginfl",
    "flag_gems": "gems|flaggems",
    "flag_tree": "tree|flagtree",
    "flag_cx": "cx|flagcx",
}
NAMED = {
    part: re.compile(rf"(?:^|[-_/:])(?:{words})[-_]?{VERSION}") for part, words in PARTS.items()
}
# vllm/vllm-openai:v0.24.0, localhost/vllm-cpu:0.32.0, vllm-plugin-fl:v0.28.0-cuda-ci
TAGGED = {
    part: re.compile(rf"(?:^|/){part}(?:-[a-z-]+)?:v?{VERSION}(?:$|[-+])")
    for part in ("vllm", "sglang")
}
PRODUCT = re.compile(rf"/vllm[\d.]+-[^:]+:[\d.]+-{VERSION}_g[0-9a-f]+")


def hints(image: str) -> Versions:
    name = image.partition("@")[0]
    found = {part: pattern.search(name) for part, pattern in NAMED.items()}
    found |= {part: found[part] or pattern.search(name) for part, pattern in TAGGED.items()}
    found["vllm_plugin_fl"] = found["vllm_plugin_fl"] or PRODUCT.search(name)
    return Versions(**{part: match.group(1) for part, match in found.items() if match})
