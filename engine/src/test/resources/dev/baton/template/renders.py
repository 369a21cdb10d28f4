"""renders.py FOLDER...: a line for each *.jinja file, as renders.txt has them."""
import glob
import hashlib
import json
import os
import sys

import jinja_reference

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "conversations.json"), encoding="utf-8") as file:
    conversations = json.load(file)


def mark(text):
    return "-" if text is None else hashlib.sha256(text.encode()).hexdigest()[:12]


seen = set()
for path in sorted(p for folder in sys.argv[1:] for p in glob.glob(os.path.join(folder, "*.jinja"))):
    with open(path, "rb") as file:
        source = file.read()
    digest = hashlib.sha256(source).hexdigest()
    if digest in seen:
        continue
    seen.add(digest)
    renders = [
        jinja_reference.render(source.decode(), {"bos_token": "<s>", "eos_token": "</s>", **c}) for c in conversations]
    print(digest, os.path.basename(path), ",".join(map(mark, renders)))
