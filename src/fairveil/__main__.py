"""``python -m fairveil`` is the command ``fairveil``."""

from fairveil.cli import main

if __name__ == "__main__":
    main()
