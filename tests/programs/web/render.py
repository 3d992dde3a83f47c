import pathlib
import sys

pages, site = map(pathlib.Path, sys.argv[1:])
site.mkdir()
for page in sorted(pages.glob("*.txt")):
    title, _, text = page.read_text().partition("\n")
    html = f"<title>{title}</title><h1>{title}</h1><p>{text.strip()}</p>\n"
    (site / page.with_suffix(".html").name).write_text(html)
