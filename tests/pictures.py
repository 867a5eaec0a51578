"""README's pictures, cut from the report of a real run with headless Chromium.

    python -m tests.pictures            makes a quickstart run (under a minute on two idle cores), then the pictures
    python -m tests.pictures output     takes a finished run from its folder

Needs Chromium or Chrome, on the path or named with --browser. Pillow comes with matplotlib.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from tests.browser import BROWSERS, flags, found_browser

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / "job" / "reporting" / "pictures"
WIDTH, HEIGHT = 1000, 2400
"""Of the window, in CSS pixels: README's column on GitHub is 840 wide, and below 984 the report's figures take two lines."""
SCALE = 2
MARGIN = 16
LEAST_HEIGHT = 300
"""CSS pixels; less means that the report no longer has the parts that a picture shows."""
MOST_BYTES = 150_000
COLOURS = 64

PICTURES = {
    "answers": """
        header, footer, main > section:not(#answers), #answers > :is(h3, details, table) { display: none }
        #answers > article:not(:nth-of-type(1), :nth-of-type(3)) { display: none }
        #answers > h2 { margin-top: 0 }
    """,
    "outcome": """
        footer, nav, .next, main > section:not(#decision), #decision > :is(ul, p), #decision caption { display: none }
        #decision tbody tr:not(:nth-child(1), :nth-child(2), :nth-child(6), :nth-child(7)) { display: none }
    """,
}
"""Name -> the style that leaves of the report what the picture shows."""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", nargs="?", type=Path, metavar="FOLDER", help="a finished run; left out, one is made")
    parser.add_argument("--browser", default=found_browser() or BROWSERS[0])
    args = parser.parse_args(arguments)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        run = args.run or quickstart(Path(temporary) / "run")
        report = (run / "report.html").read_text("utf-8")
        for name, style in PICTURES.items():
            path = FOLDER / f"{name}.png"
            picture(report, style, path, args.browser, Path(temporary))
            print(f"{path.relative_to(PROJECT)}: {path.stat().st_size:,} bytes")


def quickstart(folder: Path) -> Path:
    command = [sys.executable, "entrypoint.py", "--env-file", "env/quickstart.env"]
    subprocess.run(command, cwd=PROJECT, env={**os.environ, "FINETUNE_OUTPUT_DIR": str(folder)}, check=True)
    return folder


def picture(report: str, style: str, path: Path, browser: str, temporary: Path) -> None:
    page, shot = temporary / "page.html", temporary / "shot.png"
    page.write_text(report.replace("</head>", f"<style>{style}</style></head>"), "utf-8")
    command = [browser, *flags(temporary / "browser")]
    command += [f"--force-device-scale-factor={SCALE}", f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}"]
    subprocess.run([*command, page.as_uri()], check=True, capture_output=True)
    with Image.open(shot) as whole:
        found = cropped(whole.convert("RGB"))
    found.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(
            f"{path} has {path.stat().st_size:,} bytes; at most {MOST_BYTES:,} are small enough for README"
        )


def cropped(page: Image.Image) -> Image.Image:
    """Without the empty page around what is shown, apart from a margin."""
    box = ImageChops.difference(page, Image.new("RGB", page.size, page.getpixel((0, 0)))).getbbox()
    if box is None or box[3] - box[1] < LEAST_HEIGHT * SCALE:
        raise SystemExit("The report has none of what the picture shows: look at PICTURES in tests/pictures.py.")
    margin = MARGIN * SCALE
    return page.crop((0, max(box[1] - margin, 0), page.width, min(box[3] + margin, page.height)))


if __name__ == "__main__":
    main(sys.argv[1:])
