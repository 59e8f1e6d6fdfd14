#!/bin/sh
# Finds a Python that will do and hands over to bootstrap.py: sh tools/bootstrap.sh [core|dev]
# Of several it takes the first that has PyTorch, else the first that can make environments.
# A name on PATH proves nothing (a version manager's shim may only complain): each is run.

here=$(dirname "$0")
part=${1:-core}

grade='
import sys
if sys.version_info < (3, 11):
    sys.exit("%d.%d" % sys.version_info[:2])
from importlib.util import find_spec
if not (find_spec("venv") and find_spec("ensurepip")):
    print("bare")
elif find_spec("torch"):
    print("torch")
else:
    print("whole")
'

if [ -n "$PYTHON" ]; then
    set -- "$PYTHON"
else
    set -- python3.13 python3.12 python3.11 python3
fi

torch= whole= bare= older=
for name in "$@"; do
    said=$("$name" -c "$grade" 2>&1)
    case $said in
        torch) torch=${torch:-$name} ;;
        whole) whole=${whole:-$name} ;;
        bare) bare=${bare:-$name} ;;
        [0-9].[0-9] | [0-9].[0-9][0-9]) older="$older $name is $said." ;;
    esac
done

python=${torch:-${whole:-$bare}}
[ -n "$python" ] && exec "$python" "$here/bootstrap.py" "$part"

echo "Python 3.11 or newer is needed.$older" >&2
if [ -n "$PYTHON" ]; then
    echo "  $PYTHON is not one, or does not run." >&2
elif [ "$(uname)" = Darwin ]; then
    echo "  brew install python@3.13, or take it from https://www.python.org/downloads/" >&2
elif command -v apt-get >/dev/null 2>&1; then
    echo "  sudo apt-get install python3 python3-venv" >&2
    echo "  or, where that is older than 3.11: sudo apt-get install python3.11 python3.11-venv" >&2
else
    echo "  Your package manager has it, or https://www.python.org/downloads/" >&2
fi
echo "  One that is elsewhere you can name: make demo PYTHON=/path/to/python3" >&2
exit 1
