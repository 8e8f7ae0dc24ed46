#!/usr/bin/env python3
"""1,000 strings and the ids that open_clip's byte-pair tokenizer gives them: strings.json.

    python tests/golden/tokenizer/make_open_clip.py

The vocabulary is tests/data/digits_clip/merges.txt. `ids` are without start and end tokens. open_clip
first repairs broken text with ftfy; strings whose encoding it would guess anew are left out, the other
repairs are shown. HTML entities are decoded twice, letters lower-cased, runs of white space made one space.
"""
import json
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "train"))
from digits_clip import WORDS, captions, tokenizer_of

import ftfy

COUNT = 1000
FIXED = [
    "", " ", "a", "!", "!!!", "hello world", "A  diagram.\n", "Don't STOP!!! 123", "I'LL we've they're",
    "café naïve", "日本語 の 文", "😀 👍🏽", "a1b2", "snake_case", "&amp;amp; tea", "&lt;b&gt; &quot;q&quot;",
    "x²", "½", "İstanbul", "ß STRASSE", "<start_of_text> x <end_of_text>", "tab\tand\nnewline", "Ωμέγα ΣΊΣΥΦΟΣ",
    "Привет, мир", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดี", "e\u0301 combining", "\u00a0no-break\u2003em",
    "l'd 's 't", "1girl, solo, (masterpiece:1.2)", "supercalifragilisticexpialidocious", "٣ ४ Ⅷ", "ǅ Ǆ ǆ",
    "&AMP; &notit; &not; &#8364; &#x80; &#0; &#xD800; &#1; &#99999999999; &#x; &;", "a<b &amp;amp;amp; &rsquo; &hellip;",
    "it\u2019s \u201cquoted\u201d \u2018so\u2019", "\ufb01ne \ufb04 \ufb05 \u0132 \u0149 \u01c6", "\uff26\uff35\uff2c\uff2c \uff8a\uff9e\uff70\u3000x",
    "\x1b[1;31mred\x1b[0m bell\x07 \ufeffmark", "it\u2019\u017f \u017fS \u212a \u1e9e", "A\u030a \u212b \u1100\u1161",
    "zero-width\u200bspace", "e=mc²; a≠b → c", "naïveté’s", "...---...", "$9.99 + 5% = ?", "C:\\path\\to\\file",
]
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!\"#$%()*+,-./:;=?@[]^_`{|}~",
    "àâçéèêëîïôùûüÿñ", "абвгдежзийклмнопрстуфхцчшщъыьэюя", "αβγδεζηθικλμνξοπρστυφχψω", "漢字日本語中文한국어かなカナ",
    "אבגדהוזחטיכלמנסעפצקרשת", "😀😁🎉🚀❤🐈", "' ", "  \t\n",
    "\u2018\u2019\u201c\u201d\u2026", "\ufb00\ufb01\ufb02\u0133", "\uff21\uff22\uff41\uff11\uff01\uff71\uff76\uff9e", "ae\u0301\u0308\u0327", "\u2003\u00a0\u2028\u0085",
    ["&amp;", "&lt;", "&eacute;", "&copy", "&#39;", "&#x1F600;", "&nbsp;"],
]


def legible(text):
    """Whether ftfy leaves the encoding alone, whatever else it repairs."""
    return ftfy.fix_text(text) == ftfy.fix_text(text, fix_encoding=False, fix_c1_controls=False)


def made_up(generator):
    """A few pieces of one alphabet each, some of the captions' own words, joined or spaced."""
    pieces = []
    for _ in range(generator.randint(1, 7)):
        if generator.random() < 0.35:
            pieces.append(generator.choice(WORDS + ["the", "digit", "Photo", "of", "handwritten"]))
        else:
            alphabet = generator.choice(ALPHABETS)
            pieces.append("".join(generator.choices(alphabet, k=generator.randint(1, 9))))
    return generator.choice(["", " ", " "]).join(pieces)


def main():
    generator = random.Random(0)
    tokenizer = tokenizer_of(ROOT / "tests" / "data" / "digits_clip" / "merges.txt")
    strings = FIXED + [caption for digit in range(10) for caption in captions(digit)]
    strings = [s for s in strings if legible(s)]
    while len(strings) < COUNT:
        candidate = made_up(generator)
        if legible(candidate):
            strings.append(candidate)
    rows = [{"text": s, "ids": tokenizer.encode(s)} for s in strings]
    lines = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
    document = (f'{{"vocabulary": "tests/data/digits_clip/merges.txt", "start": {tokenizer.sot_token_id}, '
                f'"end": {tokenizer.eot_token_id}, "strings": [\n{lines}\n]}}\n')
    json.loads(document)
    path = Path(__file__).resolve().parent / "strings.json"
    path.write_text(document)
    print(f"{len(rows)} strings, {sum(len(r['ids']) for r in rows)} ids, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
