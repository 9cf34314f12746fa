"""Links to files outside of the site lead to the repository, and nothing is fetched from elsewhere."""

from __future__ import annotations

import posixpath
import re
from typing import Any

SOURCE = "https://github.com/ocireg/ocireg/blob/main/"
# What the theme would fetch from there, so that search works in files; search.js does the same.
SHIM = "https://unpkg.com/iframe-worker/shim"
LINK = re.compile(r"(\]\()([^)\s]+)(\))")


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    here = posixpath.dirname(page.file.src_uri)
    known = {file.src_uri for file in files}

    def lead(match: re.Match[str]) -> str:
        path, hash_, fragment = match[2].partition("#")
        if "://" in path or path.startswith("mailto:") or not path:
            return match[0]
        target = posixpath.normpath(posixpath.join(here, path))
        if target == "README.md":
            return f"{match[1]}{posixpath.relpath('index.md', here or '.')}{hash_}{fragment}{match[3]}"
        if target == "include/ocireg.h":
            return f"{match[1]}{posixpath.relpath('docs/ocireg.h.txt', here or '.')}{match[3]}"
        if target == "docs/schema":
            return f"{match[1]}{posixpath.relpath('docs/schema.md', here or '.')}{match[3]}"
        if target in known:
            return match[0]
        return f"{match[1]}{SOURCE}{target}{hash_}{fragment}{match[3]}"

    return LINK.sub(lead, markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    if SHIM not in output:
        raise ValueError("the theme loads its search in another way: look at docs/site/search.js")
    return output.replace(SHIM, posixpath.relpath("docs/search.js", posixpath.dirname(page.file.dest_uri) or "."))


def on_post_template(output_content: str, **_: Any) -> str:
    return output_content.replace(SHIM, "docs/search.js")
