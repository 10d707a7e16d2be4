"""A job of one's own as a program: the fills of the last 500 orders, as CSV on stdout."""

import csv
import json
import subprocess
import sys

FIELDS = ["at", "symbol", "action", "quantity", "price", "commission"]


def main():
    command = ["orchestrator", "orders", "list", "--last", "500", "--json"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    writer = csv.DictWriter(sys.stdout, FIELDS, extrasaction="ignore")
    writer.writeheader()
    for order in json.loads(printed):
        writer.writerows({**order, **fill} for fill in order["fills"])


if __name__ == "__main__":
    main()
