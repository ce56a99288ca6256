#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""cli.py [WORD]: every verb of the command, good and bad; with WORD only the tests whose names hold it."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import traceback

from cli_bed import BUILD, CONNECTORS, SOURCE, Bed, steers

ESCAPE = "\x1b]0;owned\x07"


def good(result, status=0):
    assert result.status == status, result
    assert steers(result.out) is None and steers(result.err) is None, result
    return result


def has(text, *words):
    for word in words:
        assert word in text, f"{word!r} is not in:\n{text}"


def explained(result, status, *words):
    """It failed so, says why on standard error with a code and with what to do next, and nothing that looks like a result."""
    good(result, status)
    assert re.search(r"\[[a-z-]+\]", result.err), result
    has(result.err, "next: ", *words)
    return result


# check


def test_check_good(bed):
    result = good(bed.run("check"))
    has(result.out, "4 systems, 1 entities, 1 flows, ", "no mistake")
    has(result.err, "erp.people has no contract", "next: syncline discover erp people")
    value = bed.json(0, "check")
    assert value["mistakes"] == [] and {"system": "erp", "object": "people"} in value["without_contract"], value
    assert value["systems"] == 4 and value["flows"] == 1, value


def test_check_many_mistakes(bed):
    good(bed.run("discover", "erp"))
    bed.change("conf.d/20-entities.conf", 'max_length = 20', 'max_lenght = 20')
    bed.write("conf.d/40-more.conf", 'lookups: { size: { file = "lookups/none.csv"; key = "a"; value = "b"; }; };\n'
              'systems: { erp: { colour = "red"; }; };\n')
    result = explained(bed.run("check"), 1, "20-entities.conf:", "40-more.conf:2:", "mistakes in ", "max_lenght", "colour")
    assert result.out == "", result
    value = bed.json(1, "check")
    assert len(value["mistakes"]) >= 2, value
    for mistake in value["mistakes"]:
        assert mistake["file"] and mistake["line"] and mistake["message"] and mistake["hint"], mistake


def test_check_rules_and_lookups(bed):
    """What only compiling finds: rules, two lookup tables, all in one go."""
    bed.write("conf.d/40-more.conf", 'lookups: { size: { file = "lookups/none.csv"; key = "a"; value = "b"; };\n'
              '  shape: { file = "lookups/shape.csv"; key = "a"; value = "b"; }; };\n')
    bed.write("conf.d/lookups/shape.csv", 'a,b\n"open,1\n')
    bed.change("conf.d/30-flows.conf", '[ "colour", "colour" ]', '[ "colour", "uper(colour)" ]')
    bed.change("conf.d/20-entities.conf", "name <> 'Nobody'", "name <> ")
    good(bed.run("discover", "erp", "people", "--print"))
    result = explained(bed.run("check"), 1, "none.csv", "shape.csv:2", "uper", "30-flows.conf:", "[lookup-file]", "^")
    assert result.err.count("lookup-file") == 2, result
    assert {mistake["code"] for mistake in bed.json(1, "check")["mistakes"]} >= {"lookup-file"}


def test_check_no_folder(bed):
    result = bed.run("--config", bed.path("nowhere"), "check")
    explained(result, 1, "nowhere")
    assert bed.json(1, "--config", bed.path("nowhere"), "check")["mistakes"]


def test_check_connector_missing(bed):
    explained(bed.run("check", connectors=bed.path("nowhere")), 1, "nowhere", "--connectors DIR")
    bed.change("conf.d/10-systems.conf", 'connector = "folder"', 'connector = "nothing"')
    explained(bed.run("check"), 1, "nothing", "syncline connectors")


def test_sample_configuration(bed):
    """The sample names connectors that are still to come, and nothing else is wrong with it."""
    value = bed.json(1, "--config", f"{SOURCE}/conf.d", "check")
    assert {mistake["code"] for mistake in value["mistakes"]} == {"connector-missing"}, value
    missing = {re.search(r'"([a-z]+)"', mistake["message"]).group(1) for mistake in value["mistakes"]}
    assert missing == {"rest", "webdav"}, missing


# test


def test_test(bed):
    result = good(bed.run("test"))
    has(result.out, "ok ", "a good one", "1 passed, 0 failed")
    value = bed.json(0, "test")
    assert [test["passed"] for test in value] == [True], value
    bed.change("conf.d/30-flows.conf", 'colour = "r"', 'colour = "green"')
    result = good(bed.run("test", "--flow", "people"), 1)
    has(result.out, "FAILED", "30-flows.conf:", "green", "0 passed, 1 failed")
    value = bed.json(1, "test")
    assert value[0]["passed"] is False and "green" in value[0]["difference"] and value[0]["line"] > 0, value
    explained(bed.run("test", "--flow", "nothing"), 2, "nothing", "syncline describe")
    assert "nothing" in bed.json(2, "test", "--flow", "nothing")["error"]["message"]


# connectors


def test_connectors(bed):
    result = good(bed.run("connectors"))
    names = [line.split()[0] for line in result.out.splitlines()[1:]]
    assert names == sorted(names) and {"csv", "jsonl", "sqlite", "folder"} <= set(names), result
    value = bed.json(0, "connectors")
    assert all(item["good"] and item["version"] and item["parts"] for item in value), value
    has(good(bed.run("connectors", "csv")).out, "PARAMETER", "delimiter", "directory", "read_full")
    one = bed.json(0, "connectors", "csv")
    assert one["name"] == "csv" and any(param["name"] == "delimiter" for param in one["params"]), one
    assert one["capabilities"]["read_full"] != "none", one
    explained(bed.run("connectors", "cvs"), 1, "cvs", "syncline connectors")
    assert bed.json(1, "connectors", "cvs")["error"]["code"] == "connector-missing"
    explained(bed.run("connectors", "../csv"), 1, "no connector")


def test_connectors_folder(bed):
    explained(bed.run("connectors", connectors=bed.path("nowhere")), 1, "nowhere", "--connectors DIR")
    assert bed.json(1, "connectors", connectors=bed.path("nowhere"))["error"]["hint"]
    os.mkdir(bed.path("empty"))
    has(good(bed.run("connectors", connectors=bed.path("empty"))).err, "no connector in")
    assert bed.json(0, "connectors", connectors=bed.path("empty")) == []
    bed.write("empty/broken.so", "this is no shared object\n")
    os.symlink(os.path.realpath(f"{CONNECTORS}/csv.so"), bed.path("empty/csv.so"))
    result = good(bed.run("connectors", connectors=bed.path("empty")), 3)
    has(result.out, "broken", "csv")
    value = {item["name"]: item for item in bed.json(3, "connectors", connectors=bed.path("empty"))}
    assert value["csv"]["good"] and not value["broken"]["good"] and value["broken"]["error"]["message"], value


# discover


def test_discover_csv(bed):
    before = bed.files()
    result = good(bed.run("discover", "erp"))
    has(result.out, "people.csv", "people", "erp.people.conf: 5 fields")
    assert sorted(set(bed.files()) - set(before)) == ["conf.d/contracts/erp.people.conf"], bed.files()
    has(bed.read("conf.d/contracts/erp.people.conf"), "NR", "COLOUR", "PAID")
    checked = bed.json(0, "check")
    assert {"system": "erp", "object": "people"} not in checked["without_contract"], checked
    bed.change("in/people.csv", "NR,BRANCH,NAME,COLOUR,PAID", "NR,BRANCH,NAME,COLOUR,PRICE")
    bed.age("in/people.csv")
    has(good(bed.run("discover", "erp", "people", "--print")).err, '"PAID" is gone', '"PRICE" is new')
    has(bed.read("conf.d/contracts/erp.people.conf"), "PAID")
    # The rule is put right first: that it does not fit the old contract must not keep the new one from being written.
    bed.change("conf.d/30-flows.conf", 'map = ( [ "name", "NAME" ] ); read', 'map = ( [ "name", "NAME" ], [ "paid", "PRICE" ] ); read')
    bed.change("conf.d/30-flows.conf", ' paid = "PAID";', "")
    bed.change("conf.d/30-flows.conf", ', [ "PAID", "1.50" ]', "")
    explained(bed.run("check"), 1, "PRICE", "discover")
    value = bed.json(0, "discover", "erp", "people")
    assert [contract["object"] for contract in value["contracts"]] == ["people"], value
    drift = {change["field"]: change for change in value["contracts"][0]["drift"]}
    assert drift["PAID"]["is"] is None and drift["PRICE"]["was"] is None, value
    good(bed.run("check"))


def test_discover_changed_type(bed):
    good(bed.run("discover", "erp"))
    text = bed.read("conf.d/contracts/erp.people.conf")
    bed.write("conf.d/contracts/erp.people.conf", re.sub(r'(name = "PAID"; type = )"[a-z]+";( scale = \d+;)?', r'\1"boolean";', text))
    has(good(bed.run("discover", "erp")).err, '"PAID" was boolean and is ')
    assert bed.read("conf.d/contracts/erp.people.conf") == text


def test_discover_others(bed):
    database = sqlite3.connect(bed.path("base.sqlite"))
    database.execute("CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT NOT NULL, ext TEXT UNIQUE)")
    database.commit()
    database.close()
    bed.write("out/contacts.jsonl", '{"id":"1","ext":"e","name":"Ann","colour":"r","paid":"1.5"}\n')
    bed.write("docs/letter.txt", "Dear\n")
    bed.age("docs/letter.txt")
    for system, name, field in (("base", "person", "name"), ("crm", "contacts", "colour"), ("desk", "files", "path")):
        has(good(bed.run("discover", system)).out, name)
        has(bed.read(f"conf.d/contracts/{system}.{name}.conf"), f'"{field}"')
    good(bed.run("discover", "erp"))
    assert bed.json(0, "check")["without_contract"] == []


def test_discover_print_and_schema(bed):
    bed.write("in/orders.csv", "NR,TOTAL\n1,2.5\n")
    bed.age("in/orders.csv")
    bed.change("conf.d/10-systems.conf", 'reads = "full"; }; }; };', 'reads = "full"; }; orders: { native = "orders.csv"; key = [ "NR" ]; }; }; };')
    before = bed.files()
    has(good(bed.run("discover", "erp", "people", "--print")).out, "contracts: { erp: { people: {", '"COLOUR"')
    value = bed.json(0, "discover", "erp", "--print")
    assert [contract["object"] for contract in value["contracts"]] == ["people", "orders"], value
    has(value["contracts"][1]["contract"], "TOTAL")
    one = json.loads(good(bed.run("discover", "erp", "people", "--schema")).out)
    assert "COLOUR" in one["properties"], one
    for arguments in (["--json", "discover", "erp", "--schema"], ["discover", "erp", "--schema"]):
        all_of_them = json.loads(good(bed.run(*arguments)).out)
        assert [schema["title"] for schema in all_of_them] == ["people.csv", "orders.csv"], all_of_them
    assert bed.files() == before, bed.files()


def test_discover_fails(bed):
    explained(bed.run("discover", "epr"), 1, "epr", "systems")
    explained(bed.run("discover", "erp", "poeple"), 1, "poeple", "objects")
    assert "error" in bed.json(1, "discover", "epr") and "error" in bed.json(1, "discover", "erp", "poeple")
    os.remove(bed.path("in/people.csv"))
    explained(bed.run("discover", "erp", "people"), 1, "people")
    assert bed.json(1, "discover", "erp", "people")["contracts"][0]["error"]["message"]
    bed.json(1, "discover", "erp", "people", "--schema")
    assert not os.path.exists(bed.path("conf.d/contracts/erp.people.conf"))


def test_discover_cannot_write(bed):
    bed.write("conf.d/contracts", "a file where the folder should be\n")
    result = bed.run("discover", "erp", "people")
    explained(result, 1, "contracts")


# describe


def test_describe(bed):
    result = good(bed.run("describe"))
    has(result.out, "flow people: entity person, units one; two", "lookup('colour', COLOUR)", "Nobody is not a person", "exact number",
        "number <> '3'", "CREATES IF", "GUARD", "missing rows", "GONE THERE")
    assert good(bed.run("describe", "people")).out == result.out
    value = bed.json(0, "describe")[0]
    assert value["checks"] == [{"rule": "name <> 'Nobody'", "message": "Nobody is not a person"}], value
    assert value["match"] == ["exact number"] and value["guards_ppm"]["at_least_records"] >= 0, value
    bindings = {binding["system"]: binding for binding in value["bindings"]}
    assert bindings["base"]["create_if"] == "number <> '3'" and bindings["base"]["guard"] and bindings["erp"]["deletes"]["seen"], bindings
    assert bindings["erp"]["read"]["colour"] == "lookup('colour', COLOUR)", bindings
    explained(bed.run("describe", "pepole"), 2, "pepole")
    assert "error" in bed.json(2, "describe", "pepole")


def test_describe_demo(bed):
    os.mkdir(bed.path("site"))
    bed.write("site/paths.conf", f'systems: {{ erp: {{ settings: {{ directory = "{bed.folder}"; import_directory = "{bed.folder}"; }}; }};\n'
              f'  crm: {{ settings: {{ path = "{bed.folder}/crm.sqlite"; }}; }}; dms: {{ settings: {{ directory = "{bed.folder}"; }}; }}; }};\n')
    demo = ["--config", f"{SOURCE}/demo/conf.d", "--site", bed.path("site"), "describe"]
    value = {flow["flow"]: flow for flow in bed.json(0, *demo)}
    lines = [binding for binding in value["orders"]["bindings"] if binding["system"] == "erp"][0]["read"]["lines"]
    assert lines["from"] == "POSITIONEN" and lines["read"]["sku"] == "ARTNR", lines
    has(good(bed.run(*demo, "orders")).out, "POSITIONEN { pos = POS, sku = ARTNR")


# convert


def written(bed):
    return [json.loads(line) for line in bed.read("out/contacts.jsonl").splitlines()]


def test_convert(bed):
    result = good(bed.run("convert", "people", "erp", "crm", "--rejects-file", bed.path("rejects.jsonl")), 3)
    has(result.out, "read 7, written 3, rejected 4", "pink", "Nobody is not a person", "people.csv:5", "By reason:")
    has(result.err, "convert keeps nothing")
    assert [person["id"] for person in written(bed)] == ["1", "2", "3"], written(bed)
    rejects = [json.loads(line) for line in bed.read("rejects.jsonl").splitlines()]
    assert len(rejects) == 4 and all(reject["reason"] and reject["line"] for reject in rejects), rejects


def test_convert_json(bed):
    value = bed.json(3, "convert", "people", "erp", "crm")
    assert (value["done"], value["read"], value["written"], len(value["rejects"])) == (True, 7, 3, 4), value
    assert sum(reason["count"] for reason in value["reasons"]) == 4, value


def test_convert_without_rejects(bed):
    bed.write("in/people.csv", "\n".join(bed.read("in/people.csv").splitlines()[:4]) + "\n")
    bed.age("in/people.csv")
    has(good(bed.run("convert", "people", "erp", "crm")).out, "read 3, written 3, rejected 0")
    assert bed.json(0, "convert", "people", "erp", "crm")["rejects"] == []


def test_convert_options(bed):
    assert bed.json(0, "convert", "people", "erp", "crm", "--unit", "two", "--limit", "3")["read"] == 3
    value = bed.json(3, "convert", "people", "erp", "crm", "--unit", "two")
    assert value["other_units"] + sum(value[name] for name in ("written", "rejected_read", "rejected_rules")) == 7, value
    assert bed.json(0, "convert", "people", "erp", "crm", "--limit", "2")["read"] == 2
    assert len(bed.json(3, "convert", "people", "erp", "crm", "--rejects", "1")["rejects"]) == 1
    has(good(bed.run("convert", "people", "erp", "crm", "--rejects", "1"), 3).out, "… and 3 more", "By reason:")
    result = good(bed.run("convert", "people", "erp", "crm", "--rejects", "0"), 3)
    has(result.out, "By reason:", "Nobody is not a person")
    assert bed.run("--quiet", "convert", "people", "erp", "crm").err == ""


def test_convert_refuses(bed):
    for words, arguments in (
            (["no flow", "poeple"], ["poeple", "erp", "crm"]), (["no binding", "epr"], ["people", "epr", "crm"]),
            (["no binding", "cmr"], ["people", "erp", "cmr"]), (["not for the unit", "three"], ["people", "erp", "crm", "--unit", "three"]),
            (["writes nothing", "erp"], ["people", "erp", "erp"])):
        result = explained(bed.run("convert", *arguments), 1, *words)
        assert result.out == "", result
        value = bed.json(1, "convert", *arguments)
        assert value["done"] is False and value["error"]["hint"], value
    assert not os.path.exists(bed.path("out/contacts.jsonl"))
    for option in ("--limit", "--rejects"):
        for value in ("-1", "x", "", "1.5", "99999999999"):
            explained(bed.run("convert", "people", "erp", "crm", option, value), 2, option)
            assert bed.json(2, "convert", "people", "erp", "crm", option, value)["error"]["code"] == "usage"
    explained(bed.run("convert", "people", "erp", "crm", "--rejects-file", bed.path("no/where")), 1, "no/where", "--rejects-file")


def test_convert_missing_things(bed):
    explained(bed.run("convert", "people", "erp", "base"), 1, "base.sqlite")
    os.rmdir(bed.path("out"))
    explained(bed.run("convert", "people", "erp", "crm"), 1, bed.path("out"))
    os.mkdir(bed.path("out"))
    os.remove(bed.path("in/people.csv"))
    explained(bed.run("convert", "people", "erp", "crm"), 1, "people.csv")
    os.rmdir(bed.path("in"))
    explained(bed.run("convert", "people", "erp", "crm"), 1, bed.path("in"))
    bed.json(1, "convert", "people", "erp", "crm")


def test_convert_connector_missing(bed):
    os.mkdir(bed.path("some"))
    os.symlink(os.path.realpath(f"{CONNECTORS}/csv.so"), bed.path("some/csv.so"))
    explained(bed.run("convert", "people", "erp", "crm", connectors=bed.path("some")), 1, "jsonl", "syncline connectors")
    bed.json(1, "convert", "people", "erp", "crm", connectors=bed.path("some"))


def test_convert_rejects_file_full(bed):
    if not os.path.exists("/dev/full"):
        return
    explained(bed.run("convert", "people", "erp", "crm", "--rejects-file", "/dev/full"), 1, "/dev/full")
    assert bed.json(1, "convert", "people", "erp", "crm", "--rejects-file", "/dev/full")["error"]["code"] == "system"


def test_convert_interrupted(bed):
    """A signal while records flow: it ends between two batches and says what was written."""
    rows = "".join(f"{number},1,Name {number},red,1.00\n" for number in range(400000))
    bed.write("in/people.csv", "NR,BRANCH,NAME,COLOUR,PAID\n" + rows)
    bed.age("in/people.csv")
    with subprocess.Popen(bed.command("--json", "convert", "people", "erp", "crm"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        grew = wait_for_output(bed, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert grew, (out, err)
    value = json.loads(out)
    assert process.returncode == 1 and value["done"] is False, (process.returncode, out, err)
    assert value["error"]["code"] == "connector-cancelled" and value["error"]["hint"], value
    assert 0 < value["read"] < 400000 and value["written"] > 0, value


def wait_for_output(bed, process):
    """Until the target's file, or what is being made of it in the hidden folder, has grown; False when the process ended before."""
    while process.poll() is None:
        for folder, _, names in os.walk(bed.path("out")):
            for name in names:
                try:
                    if os.path.getsize(os.path.join(folder, name)) > 100000:
                        return True
                except FileNotFoundError:
                    pass
    return False


# explain


def test_explain(bed):
    with open(f"{SOURCE}/agent/base/errors.def", encoding="utf-8") as file:
        codes = re.findall(r'^ERROR\(\w+, "([a-z-]+)"', file.read(), re.M)
    assert len(codes) > 40, codes
    for code in codes:
        has(good(bed.run("explain", code)).out, f"{code}: ", "(class ")
    value = bed.json(0, "explain", codes[0])
    assert value["code"] == codes[0] and value["advice"], value
    explained(bed.run("explain", "lookup-flie"), 2, "Did you mean `lookup-file`?")
    assert "error" in bed.json(2, "explain", "x")


# the line itself


def test_usage(bed):
    for words, arguments in (
            (["Did you mean `check`?"], ["chekc"]), (["there is no verb"], ["zzzzzz"]), (["a verb is missing"], []),
            (["FLOW FROM TO"], ["convert", "people"]), (["too few or too many"], ["check", "x"]), (["no option `--wrong`"], ["check", "--wrong"]),
            (["no option `-x`"], ["-x", "check"]), (["needs a value"], ["check", "--site"]), (["takes no value"], ["--json=1", "check"]),
            (["too many options"], ["-h"] * 40), (["Did you mean `discover`?"], ["help", "discovre"]), (["--limit"], ["check", "--limit", "3"])):
        result = explained(bed.run(*arguments), 2, *words)
        assert result.out == "", result
        if "--json=1" not in arguments:
            assert bed.json(2, *arguments)["error"]["code"] == "usage"


def test_usage_cleans(bed):
    result = bed.run(f"che{ESCAPE}ck\u202e")
    assert result.status == 2 and steers(result.err) is None, result
    assert ESCAPE in bed.json(2, f"che{ESCAPE}ck")["error"]["message"]
    result = subprocess.run([f"{BUILD}/syncline".encode(), b"explain", b"\xff\x9b31m"], capture_output=True, check=False)
    assert result.returncode == 2 and b"\x9b" not in result.stderr, result
    result = subprocess.run([f"{BUILD}/syncline".encode(), b"--json", b"explain", b"\xff\x9b31m"], capture_output=True, check=False)
    json.loads(result.stdout.decode("utf-8"))


def test_help(bed):
    has(good(bed.run("--help")).out, "usage: syncline", "convert FLOW FROM TO", "--connectors DIR")
    has(good(bed.run("help", "convert")).out, "--rejects-file FILE")
    assert good(bed.run("convert", "--help")).out == bed.run("help", "convert").out
    assert re.match(r"syncline \S+\n$", good(bed.run("--version")).out)


def test_values_never_steer_the_terminal(bed):
    """A field name, an error text and a value with escapes: cleaned for people, as they are in JSON."""
    result = good(bed.run("convert", "people", "erp", "crm"), 3)
    has(result.out, "[31mEve")
    bed.change("in/people.csv", "NR,BRANCH", f"NR,EXTRA\u009b{ESCAPE},BRANCH")
    bed.age("in/people.csv")
    bed.write("in/people.csv", re.sub(r"(?m)^(\d),", r"\1,x,", bed.read("in/people.csv")))
    bed.age("in/people.csv")
    good(bed.run("discover", "erp"))
    bed.write("conf.d/40-more.conf", f'entities: {{ person: {{ "{ESCAPE}" = 1; }}; }};\n')
    good(bed.run("check"), 1)
    bed.json(1, "check")


def test_output_that_cannot_be_written(bed):
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "wb") as full:
        for arguments in (["check"], ["test"], ["connectors"], ["connectors", "csv"], ["describe"], ["discover", "erp", "--print"],
                          ["discover", "erp", "--schema"], ["convert", "people", "erp", "crm"], ["explain", "memory"], ["--help"], ["--version"]):
            for more in ([], ["--json"]):
                explained(bed.run(*more, *arguments, stdout=full), 1, "standard output")


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or wanted not in name:
            continue
        bed = Bed()
        try:
            test(bed)
            print(f"ok     {name}")
        except Exception:  # every kind of failure is one of this test
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
        finally:
            bed.close()
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
