"""Sentence boundaries on hand-made cases: abbreviations, numbers, lists, and languages without spaces.

``python -m benchmarks.sentences`` prints how many of the cases each library cuts into the right number of
sentences. sentencex is what SeedQA uses; pysbd and syntok join in where they are installed.
"""

import importlib
from collections.abc import Callable, Sequence

from sentencex import segment

CASES = (
    (
        "en",
        "Dr. Adler et al. came to the U.S. in Jan. 2020. They paid $3.5 million, i.e. a lot. See Fig. 3.",
        3,
    ),
    ("en", '"Is it?" he said. "Yes!" Mr. A. B. Finch wrote 3.14 things... and more. What?! OK.', 5),
    ("en", "as of december 31, 2017, the firm had $20 million. a deferred asset of $16 million was set. the end.", 3),
    ("en", "The meeting is at 5 p.m. in room No. 7. Bring a pen.", 2),
    ("en", "Version 2.0.1 is out! Visit example.com/a.b today. Thanks.", 3),
    ("en", "1. First item\n2. Second item. With more.\n3. Third", 4),
    ("en", "- bullet one\n- bullet two\n- bullet three", 3),
    ("en", "He works for Acme Inc. in Boston. She works for Yahoo! in Texas.", 2),
    ("en", "Approx. 20 people came vs. 30 last year. Good.", 2),
    ("de", "Am 3. Mai kam z.B. Dr. Müller. Er ging u.a. nach Hause. Das war's.", 3),
    ("fr", "M. Dupont est arrivé à 8 h. Il a dit : « Bonjour ! » Puis il est parti.", 3),
    ("es", "El Sr. Pérez llegó. ¿Cómo está? ¡Muy bien!", 3),
    ("ru", "Он живёт на ул. Ленина, д. 5. Это г. Москва. Да.", 3),
    ("zh", "今天天气很好。我们去公园吧！你想去吗？“好的。”她说。", 5),
    ("ja", "今日は天気がいい。公園へ行こう！行きたいですか？はい。", 4),
    ("hi", "यह एक वाक्य है। यह दूसरा है। ठीक है?", 3),
)
"""Language, text, and how many sentences a reader counts."""


def by_pysbd(language: str, text: str) -> Sequence[str]:
    pysbd = importlib.import_module("pysbd")
    found: list[str] = pysbd.Segmenter(language=language, clean=False).segment(text)
    return found


def by_syntok(_: str, text: str) -> Sequence[str]:
    segmenter = importlib.import_module("syntok.segmenter")
    return ["".join(map(str, sentence)) for paragraph in segmenter.process(text) for sentence in paragraph]


def score(cut: Callable[[str, str], Sequence[str]]) -> tuple[int, list[str]]:
    """Return how many cases have the right number of sentences, and the texts of the others."""
    wrong = [text for language, text, count in CASES if sum(bool(s.strip()) for s in cut(language, text)) != count]
    return len(CASES) - len(wrong), wrong


def main() -> None:
    """Print a line for each library, and one for each text that it gets wrong."""
    for name, cut in (("sentencex", segment), ("pysbd", by_pysbd), ("syntok", by_syntok)):
        try:
            right, wrong = score(cut)
        except ModuleNotFoundError:
            print(f"{name}: not installed")
            continue
        print(f"{name}: {right} of {len(CASES)}")
        for text in wrong:
            print(f"    {text}")


if __name__ == "__main__":
    main()
