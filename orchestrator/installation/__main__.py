import sys

from orchestrator.installation import SHIPPED, render

if __name__ == "__main__":
    print(render(sys.argv[1], SHIPPED), end="")
