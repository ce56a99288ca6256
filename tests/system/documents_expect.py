#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# documents_expect.py: makes the documents of documents.sh, and says what must have become of them.  Knows nothing of Syncline.
import hashlib, json, os, random, sys

COUNT, EMPTY, LARGE, MISSING, OUTSIDE, CHANGED = 50, 7, 13, 21, 34, 40
what, work = sys.argv[1:]
source, target = f"{work}/export", f"{work}/archive/bills"


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


def name(i):
    return "../secret.pdf" if i == OUTSIDE else f"pdf/R{i:03}.pdf"


def make():
    rand = random.Random(4711)
    with open(f"{source}/belege.csv", "w", encoding="utf-8") as rows:
        rows.write("BELEGNR,DATUM,PDFDATEI\n")
        for i in range(COUNT):
            rows.write(f"R{i:03},2026-01-{i % 28 + 1:02},{name(i)}\n")
            if i in (MISSING, OUTSIDE):
                continue
            size = 0 if i == EMPTY else 20 * 1024 * 1024 if i == LARGE else rand.randrange(1, 200000)
            with open(f"{source}/{name(i)}", "wb") as file:
                file.write((b"%PDF-1.7\n" + rand.randbytes(size))[:size])
    with open(f"{work}/secret.pdf", "wb") as file:
        file.write(b"not to be read")


def check(step):
    with open(f"{work}/{step}.json", encoding="utf-8") as file:
        result = json.load(file)
    good = [i for i in range(COUNT) if i not in (MISSING, OUTSIDE)]
    assert result["done"] and result["read"] == COUNT, result
    assert result["written"] == result["documents"] == len(good), result
    assert result["rejected_write"] == 2 and result["uncertain"] == 0, result
    assert result["document_bytes"] == sum(os.path.getsize(f"{source}/{name(i)}") for i in good), result
    assert [r["key"] for r in result["rejects"]] == [f"R{MISSING:03}", f"R{OUTSIDE:03}"], result["rejects"]
    assert [r["line"] for r in result["rejects"]] == [MISSING + 2, OUTSIDE + 2], result["rejects"]
    assert all(r["reason"] and r["hint"] for r in result["rejects"]), result["rejects"]
    files = {os.path.relpath(os.path.join(folder, file), target) for folder, _, names in os.walk(target) for file in names
             if "/." not in folder[len(target):]}
    wanted = {f"2026/R{i:03}.pdf{end}" for i in good for end in ("", ".meta.json")}
    if step == "changed":
        wanted.add(f"2026/R{CHANGED:03}.pdf.v1")
    assert files == wanted, files ^ wanted
    for i in good:
        path = f"{target}/2026/R{i:03}.pdf"
        with open(path + ".meta.json", encoding="utf-8") as file:
            sidecar = json.load(file)
        assert sha256(path) == sha256(f"{source}/{name(i)}"), path
        text = json.dumps(sidecar)
        assert sha256(path) in text and f'"R{i:03}"' in text and f"2026-01-{i % 28 + 1:02}" in text, text
        assert sidecar["media_type"] == "application/pdf" and sidecar["length"] == os.path.getsize(path), text
    print(step, "ok:", result["documents"], "documents,", result["document_bytes"], "bytes")


if what == "make":
    make()
elif what == "change":
    with open(f"{source}/{name(CHANGED)}", "wb") as changed:
        changed.write(b"%PDF-1.7\nanother content")
else:
    check(what)
