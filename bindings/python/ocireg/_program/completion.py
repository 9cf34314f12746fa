"""Completion: shells ask the program itself, with the hidden command ``__complete``, what may follow."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

# What a shell runs for each key press gets the words up to the cursor, and prints one candidate a line, with a tab
# and its description. No line means: file names.
ASKED = "__complete"

_BASH = r"""# ocireg completion for bash: source <(ocireg completion bash)
_ocireg() {
    local line IFS=$'\n'
    COMPREPLY=()
    for line in $(ocireg __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
        COMPREPLY+=("${line%%$'\t'*}")
    done
}
complete -o default -F _ocireg ocireg
"""

_ZSH = r"""#compdef ocireg
# ocireg completion for zsh: source <(ocireg completion zsh), after compinit
_ocireg() {
    local -a found
    local line
    for line in "${(@f)$(ocireg __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( ${#found} )); then
        _describe ocireg found
    else
        _files
    fi
}
compdef _ocireg ocireg
"""

_FISH = r"""# ocireg completion for fish: ocireg completion fish | source
function __ocireg_complete
    set -l words (commandline -opc) (commandline -ct)
    ocireg __complete $words[2..-1] 2>/dev/null
end
function __ocireg_has_candidates
    test (count (__ocireg_complete)) -gt 0
end
complete -c ocireg -n __ocireg_has_candidates -f -a '(__ocireg_complete)'
"""

SHELLS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def candidates(parser: argparse.ArgumentParser, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What may stand where the last word stands, each with its description."""
    *before, current = words or [""]
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    command = next((word for word in before if word in commands.choices), None)
    if command is None:
        if current.startswith("-"):
            yield from _flags(parser, current)
            return
        for choice in commands._choices_actions:
            if choice.dest.startswith(current):
                yield choice.dest, choice.help or ""
        return
    one = commands.choices[command]
    valued = _expecting(one, before[-1])
    if valued is not None:
        yield from ((str(c), "") for c in valued.choices or () if str(c).startswith(current))
        return
    if current.startswith("-"):
        yield from _flags(one, current)
        return
    for action in one._actions:
        if not action.option_strings and action.choices:
            yield from ((str(c), "") for c in action.choices if str(c).startswith(current))


def _flags(parser: argparse.ArgumentParser, current: str) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        for flag in action.option_strings:
            if flag.startswith(current) and (flag.startswith("--") or len(current) < 2):
                text = (action.help or "").replace("%%", "%").partition(". ")[0]
                yield flag, " ".join(text.split())


def _expecting(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    """The option whose value comes after this word, if it is such an option."""
    for action in parser._actions:
        if word in action.option_strings and action.nargs is None:
            return action
    return None
