"""Deterministic documents to classify, and the prompt and schema that go with them."""

import random

SEED = 20261123
SECTIONS = {
    "mail": "Servers and clients for electronic mail: SMTP, IMAP and POP3 delivery, filters, mailing lists.",
    "games": "Games of every kind: arcade, puzzle, chess and card games, players, levels, scores and opponents.",
    "database": "Database servers and clients: SQL queries, tables, indexes, replication, backup and key-value stores.",
    "graphics": "Pictures: painting, drawing, scanning, viewing and converting images, pixels, colours and 3D models.",
    "sound": "Sound and music: audio players, mixers, synthesizers, codecs, tuners, MIDI and recording.",
    "network": "Networking: routers, firewalls, DNS, proxies, tunnels, packets, sockets and remote login.",
    "science": "Science: chemistry, physics, biology and astronomy, simulation, measurement and data analysis.",
    "fonts": "Fonts and typefaces: glyphs, serif and sans families, scripts, bitmap and outline characters.",
}
_WORDS = ("reads writes configures inspects converts serves mirrors collects archives schedules small large fast simple "
          "portable modern classic library program daemon plugin toolkit viewer interface format standard user system "
          "network file stream record option").split()


def make(count, seed=SEED):
    """`count` documents with id, text and the true section; the same for the same arguments."""
    chance = random.Random(seed)
    out = []
    for number in range(count):
        section = chance.choice(list(SECTIONS))
        telling = chance.sample(SECTIONS[section].replace(",", "").replace(":", "").rstrip(".").split(), 6)
        words = telling + chance.choices(_WORDS, k=chance.randint(15, 60))
        chance.shuffle(words)
        out.append({"id": f"doc-{number:05d}", "text": " ".join(words) + ".", "section": section})
    return out


def prompt(background=0):
    """A template whose static part is longer than most providers' smallest cacheable prefix; `background` words more
    where one asks for a longer one."""
    chance = random.Random(SEED)
    definitions = []
    for name, meaning in SECTIONS.items():
        examples = "; ".join(" ".join(chance.choices(_WORDS, k=12)) for _ in range(6))
        definitions.append(f"- **{name}**: {meaning} Typical words of no weight: {examples}.")
    more = "\n\n## Background\n\n" + " ".join(chance.choices(_WORDS, k=background)) if background else ""
    return ("# Classify a document\n\nName the one section that the text belongs to, and say how sure you are.\n\n"
            "## Sections\n\n" + "\n".join(definitions) + more + "\n\n## The document\n\n{{text}}\n")


def schema():
    """The answer that the prompt asks for."""
    return {"type": "object", "required": ["section", "confidence"], "additionalProperties": False,
            "properties": {"section": {"type": "string", "enum": list(SECTIONS)},
                           "confidence": {"type": "number"}}}


def follows_schema(answer):
    """The schema above, checked by hand."""
    return (isinstance(answer, dict) and answer.keys() == {"section", "confidence"}
            and answer["section"] in SECTIONS and isinstance(answer["confidence"], (int, float)))


def openai_line(custom_id, model, text):
    """A ready-made line of an OpenAI batch file."""
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": text}], "max_completion_tokens": 64}}


def anthropic_line(custom_id, model, text):
    """A ready-made request of an Anthropic message batch."""
    return {"custom_id": custom_id,
            "params": {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": text}]}}


def write_job(test, count, background=0):
    """Input, prompt and schema in the test's folder; the options that name them, and the documents."""
    documents = make(count)
    source = test.write("documents.jsonl", documents)
    options = ["--prompt", test.write("prompt.md", prompt(background)), "--schema", test.write("schema.json", schema())]
    return source, options, documents
