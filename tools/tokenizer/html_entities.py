#!/usr/bin/env python3
"""Writes the named character references of HTML 5 as a C++ table, sorted by name: html_entities.py OUT."""
import html.entities
import pathlib
import sys


def literal(text):
    """Octal escapes: unlike hexadecimal ones they end after three digits."""
    return "".join(f"\\{byte:03o}" for byte in text.encode())


rows = "".join(f'    {{"{name}", "{literal(value)}"}},\n' for name, value in sorted(html.entities.html5.items()))
pathlib.Path(sys.argv[1]).write_text(
    '#include "tools/tokenizer/html.h"\n\n'
    "namespace tenon::tokenizer {\n\n"
    "std::span<const HtmlEntity> html_entities() {\n"
    f"  static constexpr HtmlEntity kEntities[] = {{\n{rows}  }};\n"
    "  return kEntities;\n}\n\n"
    "}  // namespace tenon::tokenizer\n")
