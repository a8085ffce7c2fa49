#!/usr/bin/env python3
"""A till in Python, standard library only.

    POS_URL=http://127.0.0.1:7311 POS_TOKEN=gj_… python3 till.py

Shows the three things a till must get right: the id is made and saved before it is sent, a lost reply is asked about and never
answered by a second sale, and a refusal is decided on by its code and shown by its message.
"""
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.get("POS_URL", "http://127.0.0.1:7311")
TOKEN = os.environ["POS_TOKEN"]


class Refused(Exception):
    """A problem document: code for the program, message and hint for the cashier."""

    def __init__(self, problem):
        super().__init__(f"{problem['code']}: {problem['message']} {problem['hint']}")
        self.code = problem["code"]
        self.retryable = problem["retryable"]


def call(method, path, body=None, timeout=150):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method, headers={"Authorization": "Bearer " + TOKEN})
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        raise Refused(json.load(error)) from None


def settle(bill):
    """Settles a bill whose sale_id is saved already. Whatever happens to the connection, the same bill is sent again."""
    for attempt in range(3):
        try:
            return call("POST", "/v1/settlements", bill)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(1 + attempt)  # the daemon may be starting again; the id makes a second sending harmless
    # Still silent: ask later with GET /v1/sales/{sale_id}; NOT_FOUND then means that nothing was settled.
    raise SystemExit("no word from the daemon about " + bill["sale_id"])


def main():
    sale_id = f"PY-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    bill = {
        "sale_id": sale_id, "terminal": "counter-1", "operator": {"id": "1001", "name": "李敏"}, "med_type": "41",
        "wait_for_card_s": 30,
        "lines": [{"id": "1", "code": "C14010200002", "name": "医用口罩", "class": "consumable",
                   "quantity": "1", "unit_price": "5.00", "total": "5.00"}],  # money is text with two decimals
    }
    settled = settle(bill)
    print(settled["receipt_no"], settled["state"], "账户", settled["own_paid"], "共济", settled["shared_paid"], "现金", settled["cash_due"])
    again = settle(bill)
    assert again["settlement_id"] == settled["settlement_id"], "the same sale is settled once"
    found = call("GET", "/v1/sales/" + urllib.parse.quote(sale_id))
    print("查询", found["settlement_id"], found["state"])
    try:
        call("POST", "/v1/settlements", {**bill, "operator": {"id": "1002"}})  # the same id with other content
    except Refused as refusal:
        print("拒绝", refusal)
    call("POST", f"/v1/settlements/{settled['settlement_id']}/reversal",
         {"reversal_id": "V-" + sale_id, "operator": {"id": "1001"}, "reason": "示例"})
    print("已撤销")


main()
